"""The plan of a run: order, names, resuming, memory."""

import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import UsageError
from ser_batch.runs.journal import Journal
from ser_batch.runs.plan import Plan, _pack, _unpack

FAILURE = Failure("decode", "DecodeError", "no audio")


def annotation():
    one = np.ones(1, np.int32)
    return Annotation(16_000, one.astype(np.int64) * 0, one.astype(np.int64), one[None] * 10_000, one * 9_000)


@pytest.fixture
def audio(tmp_path):
    """Files whose names sort in unusual ways."""
    for name in ("b.wav", "a/z.wav", "a-b/c.wav", "a.wav", "A.wav", "é.wav", "a/ y.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    return tmp_path / "in"


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal", {})


def names(plan):
    return [plan.name(source.path) for source in plan.pending()]


def test_files_are_sorted_by_name_whatever_the_order_of_the_arguments(audio):
    paths = [str(path) for path in audio.rglob("*.wav")]
    expected = sorted(os.path.relpath(path, audio) for path in paths)
    for arguments in ([str(audio)], paths, paths[::-1], [str(audio), *paths]):
        plan = Plan(iter(arguments))
        assert plan.root == str(audio)
        assert names(plan) == expected
        assert len(plan) == len(paths)


def test_sizes_and_times_are_those_of_the_files(audio):
    for source in Plan([str(audio)]).pending():
        status = os.stat(source.path)
        assert (source.size, source.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_paths_are_spelled_as_the_arguments(audio, monkeypatch):
    monkeypatch.chdir(audio)
    assert [s.path for s in Plan(["a"]).pending()] == [
        str(audio / "a" / " y.wav"),
        str(audio / "a" / "z.wav"),
    ]
    assert names(Plan(["a/../b.wav", "./a.wav"])) == ["a.wav", "b.wav"]


def test_names_are_relative_to_a_root_that_is_given(audio):
    plan = Plan([str(audio / "a"), str(audio / "b.wav")], root=str(audio.parent))
    assert (plan.root, names(plan)) == (str(audio.parent), ["in/a/ y.wav", "in/a/z.wav", "in/b.wav"])
    assert names(Plan([str(audio / "a")], root=str(audio / "a"))) == [" y.wav", "z.wav"]
    with pytest.raises(UsageError, match=r"in/b\.wav: not below --root .*in/a: give a folder above it"):
        Plan([str(audio / "a"), str(audio / "b.wav")], root=str(audio / "a"))
    with pytest.raises(UsageError, match="not below --root"):
        Plan([str(audio / "a-b")], root=str(audio / "a"))


def test_parent_folders_of_links_are_resolved_as_by_the_system(audio, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(audio / "a")
    plan = Plan([str(tmp_path / "elsewhere" / "link" / ".." / "b.wav")])
    assert [source.path for source in plan.pending()] == [str(audio / "b.wav")]


def test_inputs_that_do_not_exist_are_failures_in_the_order_of_paths(audio, journal, monkeypatch):
    monkeypatch.chdir(audio)  # which an empty argument counts to
    plan = Plan([str(audio), str(audio / "aa.wav"), ""])
    assert plan.n_failed == 2
    for source in plan.pending():
        plan.add(source, annotation(), journal)
    results = [(plan.name(path), isinstance(outcome, Failure)) for path, outcome in plan.results(journal)]
    assert [name for name, _ in results] == sorted(name for name, _ in results)
    assert [name for name, failed in results if failed] == [".", "aa.wav"]


def test_finished_files_are_pending_again_only_after_a_change(audio, journal):
    plan = Plan([str(audio)])
    for source in plan.pending():
        plan.add(source, FAILURE if source.path.endswith("z.wav") else annotation(), journal)
    assert (names(plan), plan.n_failed) == ([], 1)

    again = Plan([str(audio)])
    assert again.resume(journal.records(), retry_failed=False) == 7
    assert (names(again), again.n_failed) == ([], 1)
    assert list(map(str, again.results(journal))) == list(map(str, plan.results(journal)))

    (audio / "b.wav").write_text("longer than before")
    os.utime(audio / "a.wav", ns=(0, 1))
    again = Plan([str(audio)])
    assert again.resume(journal.records(), retry_failed=True) == 4
    assert (names(again), again.n_failed) == (["a.wav", "a/z.wav", "b.wav"], 0)


def test_the_last_result_of_a_file_counts(audio, journal):
    (source,) = Plan([str(audio / "a.wav")]).pending()
    for last, failed in ((annotation(), 0), (FAILURE, 1), (annotation(), 0)):
        journal.append("a.wav", source, last)
        plan = Plan([str(audio / "a.wav")])
        assert plan.resume(journal.records(), retry_failed=False) == 1
        assert plan.n_failed == failed
        ((_, outcome),) = plan.results(journal)
        assert type(outcome) is type(last)


def test_results_of_deleted_files_are_ignored(audio, journal):
    plan = Plan([str(audio)])
    for source in plan.pending():
        plan.add(source, FAILURE, journal)
    (audio / "b.wav").unlink()
    again = Plan([str(audio)])
    again.resume(journal.records(), retry_failed=False)
    assert "b.wav" not in [again.name(path) for path, _ in again.results(journal)]
    assert again.n_failed == 6


NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & set(b"/\0"))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.sets(NAMES, min_size=1, max_size=8), mtime=st.integers(-(2**70), 2**70))
def test_any_name_and_time_is_stored_and_sorted(tmp_path_factory, found, mtime):
    folder = tmp_path_factory.mktemp("names")
    for name in found:
        (folder / os.fsdecode(name + b".wav")).touch()
    plan = Plan([str(folder)])
    assert names(plan) == sorted(os.fsdecode(name + b".wav") for name in found)
    for source in plan.pending():
        assert _unpack(_pack(source)) == source
        far = type(source)(source.path, source.size, mtime)
        assert _unpack(_pack(far)) == far


def test_a_million_files_take_little_memory(tmp_path):
    n = 20_000
    for k in range(n):
        (tmp_path / f"{k:050}.wav").touch()
    tracemalloc.start()
    try:
        plan = Plan([str(tmp_path)])
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan) == n
    path = len(str(tmp_path)) + 55
    assert held / n < path + 90
    assert peak / n < 2 * path + 250  # with the listing of one folder
