import json

import numpy as np
import pytest

from ser_batch.engine.job import Options
from ser_batch.engine.result import SCALE, Annotation, Failure
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.bundle import load_bundle
from ser_batch.runs.adapting import (
    adapted_results,
    calibration_in_use,
    check_options,
    expected_shares,
    group_of,
    group_offsets,
)
from ser_batch.runs.run_json import model_record
from tests.made_up import SIX
from tests.running import ROOT, annotate, ser_batch, tables

MODEL = model_record(load_bundle("crema-d"))


def results(names, windows=4, seed=0):
    random = np.random.default_rng(seed)
    for name in names:
        shares = random.multinomial(SCALE, [0.5, 0.1, 0.1, 0.1, 0.1, 0.1], windows).astype(np.int32)
        speech = random.integers(1, SCALE, windows).astype(np.int32)
        shares[0] = speech[0] = 0  # silent
        starts = np.arange(windows) * 24_000
        yield name, Annotation(16_000, starts, starts + 48_000, shares, speech)
    yield "z.wav", Failure("decode", "DecodeError", "empty")


NAMES = [f"{speaker}/{room}/{k}.wav" for speaker in "ab" for room in "cd" for k in range(10)]


def test_groups():
    assert group_of(None, "a/b/c.wav") == ""
    assert group_of("1", "a/b/c.wav") == "a"
    assert group_of("2", "a/b/c.wav") == "a/b"
    assert group_of("2", "a/c.wav") == "a"
    assert group_of("*/mic-*", "a/mic-1/x/c.wav") == "a/mic-1"
    assert group_of("*/mic-*", "a/c.wav") == ""


def test_each_group_gets_the_expected_shares():
    expected = expected_shares("neutral=0.5", SIX)
    assert expected.tolist() == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.5, 0.1])
    options = Options(adapt=True, adapt_by="1", expect="neutral=0.5")
    shown, record = adapted_results(lambda: results(NAMES), str, SIX, options, None)
    shown = dict(shown)
    assert [group["group"] for group in record["adaptation"]["groups"]] == ["a", "b"]
    assert [group["segments"] for group in record["adaptation"]["groups"]] == [60, 60]
    for group in "ab":
        files = [shown[name] for name in NAMES if name.startswith(group)]
        shares = np.concatenate([file.probabilities for file in files])
        speech = np.concatenate([file.speech for file in files])
        assert np.average(shares, axis=0, weights=speech) / SCALE == pytest.approx(expected, abs=1e-3)
        assert set(shares[speech > 0].sum(1)) == {SCALE}
        assert not shares[speech == 0].any()
    assert shown["z.wav"] == Failure("decode", "DecodeError", "empty")
    json.dumps(record)


def test_a_large_group_is_sampled_evenly(monkeypatch):
    names = [f"{k}.wav" for k in range(400)]
    whole = group_offsets(results(names), None, expected_shares(None, SIX))[""]
    monkeypatch.setattr("ser_batch.runs.adapting.SAMPLED", 300)
    part = group_offsets(results(names), None, expected_shares(None, SIX))[""]
    assert part[0].segments == whole[0].segments == 1_200
    assert part[0].step == 4
    rows, all_rows = (np.concatenate(each[0].kept) for each in (part, whole))
    assert rows.tolist() == all_rows[::4].tolist()
    assert part[1] == pytest.approx(whole[1], abs=0.05)


def test_small_groups_are_refused():
    with pytest.raises(SerBatchError, match=r"1 of 2 groups are too small \(b/d: 6 segments"):
        group_offsets(results(["a/c/1.wav"] * 20 + ["b/d/1.wav"] * 2), "2", expected_shares(None, SIX))
    with pytest.raises(SerBatchError, match=r"the archive is too small \(3 segments"):
        group_offsets(results(["a.wav"]), None, expected_shares(None, SIX))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expect": "neutral=0.5"}, "give --adapt, too"),
        ({"adapt_by": "1"}, "give --adapt, too"),
        ({"adapt": True, "expect": "calm=0.5"}, "calm: not a label"),
        ({"adapt": True, "expect": "neutral"}, "not LABEL=SHARE"),
        ({"adapt": True, "expect": "neutral=0.7,sad=0.7"}, "shares of 1.4"),
        ({"adapt": True, "expect": "neutral=-1"}, "from 0 to 1"),
        ({"adapt": True, "expect": "neutral=1"}, "only one label"),
        ({"adapt": True, "calibration": "x.json"}, "give one of them"),
        ({"calibration": "nowhere.json"}, "no such calibration"),
    ],
)
def test_options_that_make_no_sense(options, said):
    with pytest.raises(UsageError, match=said):
        check_options(Options(**options), MODEL)


def calibration(folder, **changes):
    document = {
        "schema_version": 1,
        "model": "crema-d",
        "model_sha256": MODEL["sha256"],
        "labels": MODEL["labels"],
        "factor": 0.5,
        "offsets": dict.fromkeys(MODEL["labels"], 0.0) | {"sad": 5.0},
    }
    path = folder / "calibration.json"
    path.write_text(json.dumps(document | changes))
    return path


def test_a_calibration_must_fit(tmp_path):
    path = calibration(tmp_path, model_sha256="0" * 64)
    with pytest.raises(UsageError, match="not for crema-d"):
        check_options(Options(calibration=str(path)), MODEL)
    path.write_text("{}")
    with pytest.raises(SerBatchError, match="not a calibration"):
        check_options(Options(calibration=str(tmp_path)), MODEL)
    calibration(tmp_path)
    with pytest.raises(UsageError, match="--undo"):
        calibration_in_use(tmp_path, Options(adapt=True), MODEL)


def test_the_same_bytes_by_resume_shards_and_jobs(tmp_path):
    adapted = ["--adapt", "--expect", "neutral=0.4"]
    assert annotate(ROOT / "samples", "-o", tmp_path / "one", "-j", "1").returncode == 0
    raw = tables(tmp_path / "one")
    done = annotate(ROOT / "samples", "-o", tmp_path / "one", *adapted)
    assert done.returncode == 0, done.stderr
    one = tables(tmp_path / "one")
    assert one["files.csv"] != raw["files.csv"]
    for k in (1, 2):
        assert (
            annotate(ROOT / "samples", "-o", tmp_path / "two", *adapted, "--shard", f"{k}/2").returncode == 0
        )
    assert ser_batch("merge", tmp_path / "two").returncode == 0
    assert tables(tmp_path / "two") == one
    run = json.loads((tmp_path / "two" / "run.json").read_text())
    assert run["adaptation"]["groups"][0]["segments"] == 74
    # and back again
    assert annotate(ROOT / "samples", "-o", tmp_path / "one").returncode == 0
    assert tables(tmp_path / "one") == raw
    assert "adaptation" not in json.loads((tmp_path / "one" / "run.json").read_text())


def test_a_calibration_is_part_of_the_settings(tmp_path):
    path = calibration(tmp_path)
    done = annotate(ROOT / "samples", "-o", tmp_path / "out", "--calibration", path)
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["labels"] == {"sad": 10}
    assert len(run["calibration"]["sha256"]) == 64
    other = annotate(ROOT / "samples", "-o", tmp_path / "out")
    assert other.returncode == 1
    assert "--calibration (SHA-256) was" in other.stderr


def test_streams_take_a_calibration_but_cannot_be_adapted(tmp_path):
    refused = annotate(ROOT / "samples", "-o", "-", "--adapt")
    assert refused.returncode == 2
    assert "give a folder with -o" in refused.stderr
    streamed = annotate(ROOT / "samples" / "phone", "-o", "-", "--calibration", calibration(tmp_path))
    assert {json.loads(line)["label"] for line in streamed.stdout.splitlines()} == {"sad"}
