"""The journal: storage, resuming, crashes, full disks."""

import os
import resource
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.runs import journal as journals
from ser_batch.runs.journal import Journal

FINGERPRINT = {"root": "/audio", "model_sha256": "abc", "window": 3.0}
SOURCE = Source("/audio/a.wav", 1_000, 123_456_789)
FAILURE = Failure("decode", "DecodeError", "no audio")


def annotation(n_segments=2):
    return Annotation(
        16_000,
        np.arange(n_segments) * 24_000,
        np.arange(n_segments) * 24_000 + 48_000,
        np.full((n_segments, 2), 5_000, np.int32),
        np.full(n_segments, 9_000, np.int32),
    )


def same(one, other):
    return one == other if isinstance(one, Failure) else one.record() == other.record()


def contents(journal):
    """The results in the order of writing."""
    return [(record["file"], journal.outcome(offset)) for offset, record in journal.records()]


def files(path):
    journal = Journal(path, FINGERPRINT)
    try:
        return [record["file"] for _, record in journal.records()]
    finally:
        journal.close()


def test_results_are_stored(tmp_path):
    outcomes = {"b.wav": annotation(), "a.wav": FAILURE, "\udcff.wav": annotation(1)}
    journal = Journal(tmp_path / "run", FINGERPRINT)
    offsets = {file: journal.append(file, SOURCE, outcome) for file, outcome in outcomes.items()}
    journal.close()
    again = Journal(tmp_path / "run", FINGERPRINT)
    assert {record["file"]: offset for offset, record in again.records()} == offsets
    assert {(record["size"], record["mtime_ns"]) for _, record in again.records()} == {(1_000, 123_456_789)}
    assert all(same(again.outcome(offsets[file]), outcome) for file, outcome in outcomes.items())


def test_results_can_be_read_while_others_are_written(tmp_path):
    journal = Journal(tmp_path / "run", FINGERPRINT)
    for k in range(50):
        offset = journal.append(f"{k}.wav", SOURCE, annotation(k + 1))
        assert same(journal.outcome(offset), annotation(k + 1))
    assert [file for file, _ in contents(journal)] == [f"{k}.wav" for k in range(50)]


def test_other_settings_are_refused(tmp_path):
    Journal(tmp_path / "run", FINGERPRINT).close()
    with pytest.raises(
        SerBatchError, match=r"--window was 3\.0, is now 2\.0\): give another folder.*--restart"
    ):
        Journal(tmp_path / "run", FINGERPRINT | {"window": 2.0})
    with pytest.raises(SerBatchError, match=r"the network of the model .* was abc, is now None"):
        Journal(tmp_path / "run", {"root": "/audio", "window": 3.0})
    Journal(tmp_path / "run", FINGERPRINT).close()


def test_the_root_may_have_a_second_path_but_not_be_another_folder(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    Journal(tmp_path / "run", FINGERPRINT | {"root": str(tmp_path / "here")}).close()
    with pytest.raises(SerBatchError, match=r"the folder of the recordings was .*here, is now .*there"):
        Journal(tmp_path / "run", FINGERPRINT | {"root": str(tmp_path / "there")})
    (tmp_path / "link").symlink_to("here")
    Journal(tmp_path / "run", FINGERPRINT | {"root": str(tmp_path / "link")}).close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_complete_records_survive_a_crash_at_any_byte(tmp_path, data):
    path = tmp_path / "run"
    path.unlink(missing_ok=True)
    journal = Journal(path, FINGERPRINT)
    ends = []
    for k in range(4):
        journal.append(f"{k}.wav", SOURCE, annotation(k + 1))
        ends.append(path.stat().st_size)
    journal.close()
    header = path.read_bytes().index(b"\n") + 1
    cut = data.draw(st.one_of(st.integers(0, ends[-1]), st.sampled_from([header - 1, header, *ends])))
    garbage = data.draw(st.binary(max_size=20)) if cut >= header else b""
    path.write_bytes(path.read_bytes()[:cut] + garbage)

    torn = Journal(path, FINGERPRINT)
    whole = [f"{k}.wav" for k, end in enumerate(ends) if end <= cut]
    kept = [file for file, _ in contents(torn)]
    assert kept[: len(whole)] == whole
    assert len(kept) <= len(whole) + 1  # the garbage may be what was cut off
    offset = torn.append("new.wav", SOURCE, annotation())
    assert same(torn.outcome(offset), annotation())
    torn.close()
    assert files(path) == [*kept, "new.wav"]


def test_a_damaged_line_is_skipped(tmp_path):
    journal = Journal(tmp_path / "run", FINGERPRINT)
    for k in range(3):
        offset = journal.append(f"{k}.wav", SOURCE, annotation())
        if k == 1:
            middle = offset
    journal.close()
    content = bytearray((tmp_path / "run").read_bytes())
    content[middle + 40] ^= 1
    (tmp_path / "run").write_bytes(content)
    assert files(tmp_path / "run") == ["0.wav", "2.wav"]


def test_a_damaged_first_line_is_reported(tmp_path):
    journal = Journal(tmp_path / "run", FINGERPRINT)
    journal.append("a.wav", SOURCE, annotation())
    journal.close()
    (tmp_path / "run").write_bytes(b"x" + (tmp_path / "run").read_bytes()[1:])
    with pytest.raises(SerBatchError, match=r"damaged.*--restart"):
        Journal(tmp_path / "run", FINGERPRINT)


def test_a_failed_append_leaves_the_journal_unchanged(tmp_path):
    journal = Journal(tmp_path / "run", FINGERPRINT)
    journal.append("a.wav", SOURCE, annotation())
    before = (tmp_path / "run").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))  # a part of the line fits
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append("b.wav", SOURCE, annotation())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "run").read_bytes() == before
    journal.append("c.wav", SOURCE, annotation())
    journal.close()
    assert files(tmp_path / "run") == ["a.wav", "c.wav"]


def test_a_deleted_or_replaced_journal_is_reported(tmp_path):
    folder = tmp_path / "out" / ".journal"
    folder.mkdir(parents=True)
    journal = Journal(folder / "run", FINGERPRINT)
    (folder / "run").unlink()
    with pytest.raises(SerBatchError, match="out has been deleted or moved during the run"):
        journal.sync()
    Journal(folder / "run", FINGERPRINT).close()
    with pytest.raises(SerBatchError, match="out has been deleted or moved during the run"):
        journal.sync()


def test_results_are_synced_after_a_while_without_further_results(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_size), fsync(handle)))
    monkeypatch.setattr(journals, "SYNC_SECONDS", 0.2)
    journal = Journal(tmp_path / "run", FINGERPRINT)
    synced.clear()
    journal.append("a.wav", SOURCE, annotation())
    journal.append("b.wav", SOURCE, annotation())
    journal.sync_when_due()
    assert synced == []
    time.sleep(0.25)
    journal.sync_when_due()
    journal.sync_when_due()
    assert synced == [(tmp_path / "run").stat().st_size]
