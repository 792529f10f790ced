import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_batch.corpus.find import Source
from ser_batch.engine.journal import Journal
from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import SerBatchError

FINGERPRINT = {"model_sha256": "abc", "window": 3.0}
SOURCE = Source("/audio/a.wav", 1_000, 123_456_789)


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


def test_results_survive(tmp_path):
    outcomes = {
        "b.wav": annotation(),
        "a.wav": Failure("decode", "DecodeError", "no audio"),
        "\udcff.wav": annotation(1),
    }
    journal = Journal(tmp_path / "j" / "run", FINGERPRINT)
    for key, outcome in outcomes.items():
        journal.append(key, SOURCE, outcome)
    journal.close()
    again = Journal(tmp_path / "j" / "run", FINGERPRINT)
    found = list(again.results(outcomes.keys()))
    assert [key for key, _ in found] == sorted(outcomes)
    assert all(same(outcome, outcomes[key]) for key, outcome in found)


def test_a_file_is_finished_until_it_changes(tmp_path):
    journal = Journal(tmp_path / "run", FINGERPRINT)
    journal.append("a.wav", SOURCE, annotation())
    journal.append("b.wav", SOURCE, Failure("decode", "DecodeError", "no audio"))
    assert journal.finished("a.wav", SOURCE)
    assert not journal.finished("c.wav", SOURCE)
    assert not journal.finished("a.wav", Source(SOURCE.path, 1_001, SOURCE.mtime_ns))
    assert not journal.finished("a.wav", Source(SOURCE.path, SOURCE.size, 1))
    assert journal.finished("b.wav", SOURCE)
    assert not journal.finished("b.wav", SOURCE, retry_failed=True)


def test_the_last_result_counts(tmp_path):
    journal = Journal(tmp_path / "run", FINGERPRINT)
    journal.append("a.wav", SOURCE, Failure("decode", "DecodeError", "no audio"))
    journal.append("a.wav", SOURCE, annotation())
    ((_, outcome),) = journal.results({"a.wav"})
    assert isinstance(outcome, Annotation)


def test_other_settings_are_refused_by_name(tmp_path):
    Journal(tmp_path / "run", FINGERPRINT).close()
    with pytest.raises(SerBatchError, match=r"window was 3\.0, is now 2\.0.*--restart"):
        Journal(tmp_path / "run", FINGERPRINT | {"window": 2.0})
    Journal(tmp_path / "run", FINGERPRINT).close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_a_crash_leaves_whole_records_are_kept(tmp_path, data):
    path = tmp_path / "run"
    path.unlink(missing_ok=True)
    journal = Journal(path, FINGERPRINT)
    ends = []
    for k in range(4):
        journal.append(f"{k}.wav", SOURCE, annotation(k + 1))
        ends.append(path.stat().st_size)
    journal.close()
    cut = data.draw(st.integers(0, ends[-1]))
    garbage = data.draw(st.binary(max_size=20))
    path.write_bytes(path.read_bytes()[:cut] + garbage)

    torn = Journal(path, FINGERPRINT)
    whole = [f"{k}.wav" for k, end in enumerate(ends) if end <= cut]
    kept = [key for key, _ in torn.results({f"{k}.wav" for k in range(4)})]
    assert kept[: len(whole)] == whole
    assert len(kept) <= len(whole) + 1  # the garbage may be what was cut off
    torn.append("new.wav", SOURCE, annotation())
    torn.close()
    assert Journal(path, FINGERPRINT).finished("new.wav", SOURCE)
