"""Calibration of a folder, with a made-up journal: a model that prefers `angry`, and a made-up archive."""

import csv
import json

import numpy as np
import pytest

import ser_batch
from ser_batch.engine.job import Options
from ser_batch.engine.result import Annotation, to_ten_thousandths
from ser_batch.errors import SerBatchError
from ser_batch.evaluation.audit_sample import draw
from ser_batch.model.bundle import load_bundle
from ser_batch.model.runtime import softmax
from ser_batch.runs import run_json
from ser_batch.runs.auditing import read_archive, units
from ser_batch.runs.finished import FinishedRun
from ser_batch.runs.journal import Journal
from ser_batch.runs.listened import match, read_answers
from ser_batch.runs.plan import Plan
from ser_batch.runs.settings import resolve_settings
from tests.made_up import SIX
from tests.running import annotate, rows, tables
from tests.running import ser_batch as command

FILES = 300


def label_of(name):
    """Of a file, by its number: half of them neutral."""
    number = int(name.removesuffix(".wav"))
    return "neutral" if number % 2 else SIX[number // 2 % 6]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished folder of 300 files, two segments each."""
    folder = tmp_path_factory.mktemp("calibrating")
    audio, out = folder / "in", folder / "out"
    audio.mkdir()
    for number in range(FILES):
        (audio / f"{number:03}.wav").write_bytes(b"-")
    (audio / "broken.wav").write_bytes(b"not audio")
    bundle = load_bundle("crema-d")
    plan = Plan([str(audio)])
    (out / ".journal").mkdir(parents=True)
    fingerprint = run_json.fingerprint(resolve_settings(Options(), bundle), bundle, plan.root)
    journal = Journal(out / ".journal" / "run.journal", fingerprint)
    random = np.random.default_rng(0)
    for source in plan.pending():
        name = plan.name(source.path)
        if name == "broken.wav":
            continue
        logits = random.normal(0, 1, (2, 6)) + 2.5 * (np.array(SIX) == label_of(name)) + [3, 0, 0, 0, 0, 0]
        p = to_ten_thousandths(softmax(logits))
        times = np.array([0, 24_000])
        journal.append(name, source, Annotation(16_000, times, times + 48_000, p, np.array([9_000, 8_000])))
    journal.close()
    done = annotate(audio, "-o", out)
    assert done.returncode == 3, done.stderr
    return out


@pytest.fixture
def folder(made, tmp_path):
    import shutil

    return shutil.copytree(made, tmp_path / "out")


def answers(folder, path, n=60, seed=0, label=label_of, level="files", listener="ann"):
    """What a listener says about a sample."""
    run = FinishedRun(folder)
    indices, _ = draw(read_archive(run, level).stratum, n, seed)
    drawn = {number: unit for number, unit in enumerate(units(run, level)) if number in set(indices.tolist())}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "start", "end", "label", "listener"])
        for unit in drawn.values():
            times = (unit.start, unit.end) if level == "segments" else ("", "")
            writer.writerow([unit.file, *times, label(unit.file), listener])
    return path


def accuracy(folder):
    found = rows(folder / "files.csv")
    return np.mean([row["label"] == label_of(row["file"]) for row in found])


@pytest.mark.parametrize("level", ["files", "segments"])
def test_calibrate_and_undo(folder, tmp_path, level):
    before, raw = accuracy(folder), tables(folder)
    found = ser_batch.calibrate(folder, answers(folder, tmp_path / "audit.csv", level=level))
    after = accuracy(folder)
    assert before < 0.45
    assert after > before + 0.25
    assert found == json.loads((folder / "calibration.json").read_text())
    run = json.loads((folder / "run.json").read_text())
    assert run["calibration"]["factor"] == found["factor"]
    assert sum(run["labels"].values()) == FILES
    assert run["counts"]["failed"] == 1
    if level == "files":  # of segments the truth is another
        assert found["before"]["accuracy"][1] <= before <= found["before"]["accuracy"][2]
        assert found["after"]["accuracy"][1] <= after <= found["after"]["accuracy"][2]
        neutral = found["shares"]["neutral"]
        assert neutral["predicted"] < 0.3
        assert neutral["estimated"][1] <= 0.58 <= neutral["estimated"][2]
    assert found["shares"]["other"]["estimated"][0] == 0
    calibrated = tables(folder)
    # the same command resumes, and keeps the calibration
    assert annotate(folder.parent / "in", "-o", folder).returncode == 1  # no such folder: nothing is written
    assert tables(folder) == calibrated
    ser_batch.uncalibrate(folder)
    assert tables(folder) == raw
    assert not (folder / "calibration.json").exists()
    assert "calibration" not in json.loads((folder / "run.json").read_text())
    with pytest.raises(SerBatchError, match="not calibrated"):
        ser_batch.uncalibrate(folder)


def test_a_resumed_run_keeps_the_calibration(made, tmp_path):
    audio = made.parent / "in"
    ser_batch.calibrate(made, answers(made, tmp_path / "audit.csv"))
    calibrated = tables(made)
    try:
        again = annotate(audio, "-o", made)
        assert again.returncode == 3
        assert tables(made) == calibrated
        assert "calibration" in json.loads((made / "run.json").read_text())
        refused = annotate(audio, "-o", made, "--adapt")
        assert refused.returncode == 2
        assert "--undo" in refused.stderr
        # and others take it
        other = annotate(
            made.parent.parent, "-o", tmp_path / "x", "--calibration", made, "--model", "crema-d-large"
        )
        assert other.returncode == 2
        assert "not for crema-d-large" in other.stderr
    finally:
        ser_batch.uncalibrate(made)


def test_a_calibration_elsewhere_leaves_the_folder_alone(folder, tmp_path):
    raw = tables(folder)
    path = tmp_path / "studio.json"
    assert ser_batch.calibrate(folder, [answers(folder, tmp_path / "audit.csv")], path)["listened"] == 60
    assert path.exists()
    assert tables(folder) == raw
    assert not (folder / "calibration.json").exists()


def test_an_adapted_folder(folder, tmp_path):
    """A calibration takes the place of an adaptation, and undo brings it back."""
    document = json.loads((folder / "run.json").read_text())
    document["options"]["adapt"] = True
    (folder / "run.json").write_text(json.dumps(document))
    labels = answers(folder, tmp_path / "audit.csv")
    ser_batch.calibrate(folder, labels)
    assert "adaptation" not in json.loads((folder / "run.json").read_text())
    ser_batch.uncalibrate(folder)
    assert len(json.loads((folder / "run.json").read_text())["adaptation"]["groups"]) == 1


def test_two_listeners(folder, tmp_path):
    one = answers(folder, tmp_path / "ann.csv")
    other = answers(folder, tmp_path / "bob.csv", listener="bob", label=lambda name: SIX[int(name[:3]) % 6])
    found = ser_batch.calibrate(folder, [one, other])
    assert (found["listened"], found["listeners"]) == (60, 2)
    value, low, high = found["between_listeners"]
    assert low < value < high < 0.6
    same = answers(folder, tmp_path / "same.csv", listener="cec")
    assert ser_batch.calibrate(folder, [one, same])["between_listeners"][0] == 1


def test_other_answers(folder, tmp_path):
    found = ser_batch.calibrate(
        folder,
        answers(
            folder, tmp_path / "a.csv", label=lambda name: "surprise" if name < "060" else label_of(name)
        ),
    )
    assert found["with_emotion"] < found["listened"] == 60
    assert found["shares"]["other"]["estimated"][1] < 0.2 < found["shares"]["other"]["estimated"][2]


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["file,label", "000.wav,hapy"], "line 2: unknown answer 'hapy'"),
        (["file,start,end,label", "000.wav,a,b,sad"], "line 2: start and end"),
        (["file,label"], "no answers"),
        (["file,start,end,label", "000.wav,0,3,sad", "001.wav,,,sad"], "some answers have times"),
        (["file,label", "x.wav,sad"], "none of the 1 answers names"),
        (["file,label", "000.wav,sad"], "1 recordings with an emotion of the model are too few"),
    ],
)
def test_answers_that_cannot_be_used(folder, tmp_path, lines, said):
    done = command("calibrate", folder, write(tmp_path / "audit.csv", *lines))
    assert done.returncode == 1
    assert said in done.stderr


def test_answers_find_their_segments(folder, tmp_path):
    path = write(
        tmp_path / "own.csv",
        "path;start;end;emotion",
        "000.wav;0.1;2.5;anger",
        "000.wav;2;4.5;sad",
        "y.wav;0;1;sad",
    )
    listened = match(FinishedRun(folder), read_answers([path], SIX))
    assert listened.counts.tolist() == [[1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0]]
    assert listened.unknown == 1
    assert len(listened.archive) == 2 * FILES


def test_what_the_command_says(folder, tmp_path):
    done = command("calibrate", folder, answers(folder, tmp_path / "audit.csv"))
    assert done.returncode == 0, done.stderr
    for part in ("60 files, 60 of them", "accuracy", "share of", "Agreement beyond chance is", "tables in"):
        assert part in done.stdout
    assert command("calibrate", folder).returncode == 2
    undone = command("calibrate", folder, "--undo")
    assert undone.returncode == 0
    assert "not calibrated any more" in undone.stdout
