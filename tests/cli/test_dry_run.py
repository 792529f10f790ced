import json
import os
import re
import shutil

import pytest
import soundfile

from tests.running import annotate, tables


def seconds_of(folder):
    """Of audio under a folder, decoded."""
    sounds = [path for path in folder.rglob("*") if path.suffix not in {".py", ".md", ""}]
    return sum(len(soundfile.read(path)[0]) / soundfile.info(path).samplerate for path in sounds)


def plan_of(*arguments):
    done = annotate(*arguments, "--dry-run", "--log-json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    return json.loads(line)


def test_it_tells_what_would_be_done_and_writes_nothing(samples, tmp_path):
    (tmp_path / "empty").mkdir()
    done = annotate(samples, samples / "nowhere.wav", "-o", tmp_path / "empty" / "out", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "")
    said = done.stderr.splitlines()
    assert said[0] == "10 files to annotate (1.0 MB)"
    assert said[1] == f"1 cannot be read: {samples / 'nowhere.wav'}"
    assert said[2] == "about 1 min 57 s of audio, by their headers"
    assert re.fullmatch(
        r"about .+ with \d+ process(es)? here, .+× real time on \d+ files? that were tried", said[3]
    )
    assert said[4] == "2 files passed over: .md (1), .py (1)"
    assert said[5] == f"nothing was written; the tables would be in {tmp_path / 'empty' / 'out'}"
    assert os.listdir(tmp_path / "empty") == []


@pytest.mark.slow
def test_what_is_done_already_is_not_counted(samples, tmp_path):
    shutil.copytree(samples / "meeting", tmp_path / "in")
    out = tmp_path / "out"
    assert annotate(tmp_path / "in", "-o", out).returncode == 0
    before, stamps = tables(out), {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    shutil.copytree(samples / "diary", tmp_path / "in" / "diary")
    (tmp_path / "in" / "text.wav").write_text("dear diary")
    plan = plan_of(tmp_path / "in", "-o", out, "-j", 2)
    assert (plan["files"], plan["done_before"], plan["jobs"]) == (3, 3, 2)
    assert (plan["probed"], plan["probe_failed"]) == (3, 1)
    assert plan["audio_seconds"] == pytest.approx(seconds_of(samples / "diary"), abs=0.5)
    assert plan["seconds"] > 0
    assert plan["times_real_time"] > 0
    assert plan_of(tmp_path / "in", "-o", out, "--restart")["files"] == 6
    assert tables(out) == before
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == stamps

    refused = annotate(tmp_path / "in", "-o", out, "--hop", "3", "--dry-run")
    assert refused.returncode == 1
    assert "hop was 1.5, is now 3.0" in refused.stderr


def test_nothing_to_do(samples, tmp_path):
    assert annotate(samples / "diary", "-o", tmp_path / "out").returncode == 0
    done = annotate(samples / "diary", "-o", tmp_path / "out", "--dry-run")
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == "0 files to annotate (0.0 MB), beside 2 done before"
    assert "real time" not in done.stderr


@pytest.mark.slow
def test_a_large_archive_is_sampled(samples, tmp_path):
    (tmp_path / "in").mkdir()
    short = shutil.copy(samples / "meeting" / "QUESTION.WAV", tmp_path)
    long = shutil.copy(samples / "meeting" / "introduction.flac", tmp_path)
    for k in range(3_000):
        (tmp_path / "in" / f"{k}{'.wav' if k % 3 else '.flac'}").hardlink_to(short if k % 3 else long)
    plan = plan_of(tmp_path / "in", "-o", tmp_path / "out")
    assert (plan["files"], plan["sampled"]) == (3_000, True)
    assert plan["audio_seconds"] == pytest.approx(2_000 * 1.521813 + 1_000 * 5.267188, rel=0.02)
    assert plan["probed"] > 20
