import json
import shutil
import signal
from datetime import datetime

import pytest

from ser_batch.cli import main
from tests.running import FAULTS, annotate, end_of, journal_lines, started, wait_until


def events_of(text):
    """The events of a run; any line that is none fails here."""
    events = [json.loads(line) for line in text.splitlines()]
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    return events


def named(events, name):
    return [event for event in events if event["event"] == name]


def test_events_of_a_run(samples, tmp_path):
    shutil.copytree(samples / "meeting", tmp_path / "in")
    (tmp_path / "in" / "bad\udcff.wav").write_text("dear diary")
    done = annotate(tmp_path / "in", tmp_path / "missing.wav", "-o", tmp_path / "out", "--log-json", "-v")
    assert (done.returncode, done.stdout) == (3, "")
    events = events_of(done.stderr)
    assert events[0]["event"] == "start"
    assert events[0]["files"] == 4
    failures = {event["file"]: event for event in named(events, "failure")}
    assert failures.keys() == {"in/bad\udcff.wav", "missing.wav"}
    assert failures["missing.wav"]["stage"] == "find"
    files = {event["file"]: event for event in named(events, "file")}
    assert len(files) == 3
    assert files["in/introduction.flac"]["duration"] == pytest.approx(5.267188)
    assert events[-1]["event"] == "summary"
    assert events[-1]["exit_code"] == 3
    assert (events[-1]["files"], events[-1]["failed"]) == (3, 2)
    assert sum(events[-1]["labels"].values()) == 3
    assert events[-1]["resume"] is None


@pytest.mark.slow
def test_an_interrupted_run_tells_how_to_resume(samples, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(samples / "meeting" / "QUESTION.WAV", tmp_path / "in" / "0.wav")
    for k in range(3):
        shutil.copy(samples / "diary" / "pause.wav", tmp_path / "in" / f"slow-{k}.wav")
    running = started(tmp_path / "in", "-o", tmp_path / "out", "-j", 1, "--log-json", env=FAULTS)
    wait_until(lambda: journal_lines(tmp_path / "out") == 1)
    running.send_signal(signal.SIGINT)
    code, said = end_of(running)
    assert code == 130
    events = events_of(said)
    assert [event["event"] for event in events if event["event"] != "progress"] == [
        "start",
        "stopping",
        "summary",
    ]
    assert events[-1]["exit_code"] == 130
    assert events[-1]["resume"].startswith(f"ser-batch annotate {tmp_path / 'in'} -o ")


@pytest.mark.slow
def test_progress_at_intervals(samples, tmp_path):
    for k in range(3):
        shutil.copy(samples / "diary" / "pause.wav", tmp_path / f"slow-{k}.wav")
    env = {**FAULTS, "SLOW_SECONDS": "3"}
    done = annotate(tmp_path, "-o", tmp_path / "out", "-j", 1, "--log-json", env=env)
    for event in named(events_of(done.stderr), "progress"):
        assert event["files"] == 3
        assert event["audio_seconds"] + event["audio_seconds_left"] == pytest.approx(13.4, rel=0.3)


@pytest.mark.parametrize(("arguments", "code"), [
    (["--log-json"], 2),
    (["nowhere", "--log-json", "--hopp", "2"], 2),
    (["nowhere", "--log-json", "--model", "nonsense"], 2),
    ([".", "--log-json", "--include", "nothing"], 1),
])  # fmt: skip
def test_errors_are_events(tmp_path, monkeypatch, capsys, arguments, code):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["annotate", *arguments])
    assert ended.value.code == code
    (event,) = events_of(capsys.readouterr().err)
    assert (event["event"], event["exit_code"]) == ("error", code)
    assert event["message"]
