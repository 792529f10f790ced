"""Recordings without speech on the command line: status, options, summary, events, report, resuming."""

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from tests.running import annotate, rows, ser_batch, tables


@pytest.fixture(scope="module")
def archive(samples, tmp_path_factory):
    """Speech, noise, silence, and noise around speech."""
    folder = tmp_path_factory.mktemp("voice") / "in"
    folder.mkdir()
    noise = np.random.default_rng(0).standard_normal(5 * 16_000) * 0.05
    speech, rate = soundfile.read(samples / "meeting" / "introduction.flac")
    assert rate == 16_000
    shutil.copy(samples / "meeting" / "introduction.flac", folder / "speech.flac")
    for name, audio in {
        "noise": noise,
        "silence": np.zeros(16_000),
        "both": np.concatenate([noise, speech, noise]),
    }.items():
        soundfile.write(folder / f"{name}.wav", audio, rate)
    return folder


@pytest.fixture(scope="module")
def output(archive):
    done = annotate(archive, "-o", archive.parent / "out", "-f", "csv", "-f", "json", "--log-json", "-v")
    assert done.returncode == 0, done.stderr
    return archive.parent / "out", [json.loads(line) for line in done.stderr.splitlines()]


def test_statuses_of_files(output):
    files = {row["file"]: row for row in rows(output[0] / "files.csv")}
    statuses = {name: row["status"] for name, row in files.items()}
    assert statuses == {
        "both.wav": "ok",
        "noise.wav": "no-speech",
        "silence.wav": "silent",
        "speech.flac": "ok",
    }
    noise = files["noise.wav"]
    assert [noise[name] for name in ("label", "confidence", "p_sad")] == ["", "", ""]
    assert float(noise["speech_ratio"]) < 0.05
    assert 0.2 < float(files["both.wav"]["speech_ratio"]) < 0.5 < float(files["speech.flac"]["speech_ratio"])


def test_windows_around_speech_have_no_label_and_no_weight(output):
    segments = [row for row in rows(output[0] / "segments.csv") if row["file"] == "both.wav"]
    statuses = [row["status"] for row in segments]
    assert (statuses[0], statuses[-1]) == ("no-speech", "no-speech")
    assert "ok" in statuses
    spoken = [row for row in segments if row["status"] == "ok"]
    weights = np.array([float(row["speech_ratio"]) for row in spoken])
    mean = weights @ np.array([float(row["p_angry"]) for row in spoken]) / weights.sum()
    [whole] = [row for row in rows(output[0] / "files.csv") if row["file"] == "both.wav"]
    assert float(whole["p_angry"]) == pytest.approx(mean, abs=1e-3)


def test_stretches_of_speech(output):
    stretches = rows(output[0] / "speech.csv")
    assert {row["file"] for row in stretches} == {"both.wav", "speech.flac"}
    starts = [float(row["start"]) for row in stretches if row["file"] == "both.wav"]
    ends = [float(row["end"]) for row in stretches if row["file"] == "both.wav"]
    assert starts == sorted(starts)
    assert 4.8 < starts[0] < 6
    assert 8 < ends[-1] < 10.5
    document = json.loads((output[0] / "annotations.json").read_text())
    speech = {file["file"]: file["speech"] for file in document["files"]}
    assert [start for start, _ in speech["both.wav"]] == starts
    assert speech["noise.wav"] == []


def test_events_and_counts(output):
    folder, events = output
    files = {event["file"]: event["status"] for event in events if event["event"] == "file"}
    assert files["noise.wav"] == "no-speech"
    assert (events[-1]["no_speech"], events[-1]["silent"]) == (1, 1)
    run = json.loads((folder / "run.json").read_text())
    assert run["counts"]["no_speech"] == 1
    assert run["schema_version"] == 2
    assert re.fullmatch("[0-9a-f]{64}", run["voice"]["sha256"])


def test_the_summary_counts_them(archive, tmp_path):
    done = annotate(archive, "-o", tmp_path, "-v")
    assert "4 files" in done.stderr
    assert "1 without speech, 1 silent" in done.stderr
    assert "noise.wav: no-speech" in done.stderr


def test_the_report_tells_them_apart(output):
    page = output[0] / "report.html"
    done = ser_batch("report", output[0], "-o", page)
    assert done.returncode == 0, done.stderr
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)[1])
    assert {"no-speech", "silent"} <= set(data["kinds"])
    speech = dict(zip((file[0] for file in data["files"]), data["speech"], strict=True))
    assert len(speech["speech.flac"]) >= 2
    assert speech["noise.wav"] == []


@pytest.mark.parametrize("options", [["-j", "2"], ["-j", "1", "--merge-consecutive"]], ids=["jobs", "merged"])
def test_speech_is_the_same_however_it_is_run(archive, output, tmp_path, options):
    assert annotate(archive, "-o", tmp_path, *options).returncode == 0
    assert tables(tmp_path)["speech.csv"] == tables(output[0])["speech.csv"]


def test_without_the_detector_noise_has_a_label(archive, tmp_path):
    assert annotate(archive, "-o", tmp_path, "--no-voice", "-f", "csv", "-f", "textgrid").returncode == 0
    files = {row["file"]: row for row in rows(tmp_path / "files.csv")}
    assert files["noise.wav"]["status"] == "ok"
    assert files["noise.wav"]["speech_ratio"] == "1.0000"
    assert files["silence.wav"]["status"] == "silent"
    assert rows(tmp_path / "speech.csv") == []
    assert "speech" not in (tmp_path / "textgrid" / "both.wav.TextGrid").read_text()


@pytest.mark.parametrize("option", [["--no-voice"], ["--min-speech", "1"]], ids=["no-voice", "min-speech"])
def test_other_results_are_not_resumed(archive, output, option):
    done = annotate(archive, "-o", output[0], *option)
    assert done.returncode == 1
    assert "--min-speech" in done.stderr
    assert "--restart" in done.stderr


def test_more_speech_than_a_window_has(archive, tmp_path):
    done = annotate(archive, "-o", tmp_path, "--min-speech", "3.5")
    assert done.returncode == 2
    assert "--min-speech" in done.stderr
