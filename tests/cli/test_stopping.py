"""Signals, killed runs, and limits on failures."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.running import (
    FAULTS,
    SER_BATCH,
    TABLES,
    annotate,
    end_of,
    group,
    journal_lines,
    rows,
    started,
    tables,
    wait_until,
    workers,
)

INSTALLED = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}


def make_archive(samples, folder):
    """One short file, then one that takes seconds with `FAULTS`, then a hundred."""
    folder.mkdir()
    shutil.copy(samples / "meeting" / "QUESTION.WAV", folder / "0.wav")
    shutil.copy(samples / "diary" / "pause.wav", folder / "slow-1.wav")
    for k in range(100):
        shutil.copy(samples / "meeting" / "QUESTION.WAV", folder / f"z{k:03}.wav")
    return folder


@pytest.fixture
def archive(samples, tmp_path):
    return make_archive(samples, tmp_path / "an archive")


@pytest.fixture(scope="module")
def undisturbed(samples, tmp_path_factory):
    """The tables of the archive, annotated without a break."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert annotate(make_archive(samples, folder / "an archive"), "-o", folder / "out").returncode == 0
    return tables(folder / "out")


def said_at_once(running, seconds=1.0):
    """The next line on stderr, which must come soon."""
    began = time.monotonic()
    line = running.stderr.readline()
    assert time.monotonic() - began < seconds
    return line


def at_work(out):
    """Wait until the first file is done, so that the worker is at the slow one."""
    wait_until(lambda: journal_lines(out) == 1)


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_finishes_the_files_in_work(archive, tmp_path, undisturbed, signal_sent):
    out = tmp_path / "out"
    running = started(archive, "-o", out, "-j", 1, "--restart", env=FAULTS)
    at_work(out)
    os.killpg(running.pid, signal_sent)  # as a terminal and a scheduler do: the workers are hit, too
    assert "Ctrl-C again stops at once" in said_at_once(running)
    code, said = end_of(running)
    assert code == 130
    assert journal_lines(out) == 2
    assert not any((out / name).exists() for name in TABLES)
    assert json.loads((out / "run.json").read_text())["exit_code"] == 130

    command = said.splitlines()[-1]
    assert "--restart" not in command
    resumed = subprocess.run(command, shell=True, env=INSTALLED, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert "2 done before" in resumed.stderr
    assert tables(out) == undisturbed


def test_a_second_ctrl_c_stops_at_once(archive, tmp_path, undisturbed):
    out = tmp_path / "out"
    running = started(archive, "-o", out, "-j", 1, env={**FAULTS, "SLOW_SECONDS": "60"})
    at_work(out)
    running.send_signal(signal.SIGINT)
    assert "Ctrl-C again stops at once" in said_at_once(running)
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    code, said = end_of(running)
    assert time.monotonic() - began < 3
    assert code == 130
    assert "run the same command again" in said
    assert annotate(archive, "-o", out).returncode == 0
    assert tables(out) == undisturbed


def test_a_killed_run_resumes(archive, tmp_path, undisturbed):
    running = started(archive, "-o", tmp_path / "out", "-j", 1, env=FAULTS)
    at_work(tmp_path / "out")
    killed(running)
    resumed = annotate(archive, "-o", tmp_path / "out")
    assert resumed.returncode == 0
    assert "1 done before" in resumed.stderr
    assert tables(tmp_path / "out") == undisturbed


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_file_stops_at_once(tmp_path, signal_sent):
    running = started("-", "-o", tmp_path / "out", stdin=subprocess.PIPE)
    wait_until((tmp_path / "out" / ".journal" / "lock").exists)
    time.sleep(1)  # while it imports, Python may lose an interrupt
    running.send_signal(signal_sent)
    code, said = end_of(running)
    assert code == 130, said
    assert "run the same command again" in said


def test_ctrl_c_while_the_command_is_imported_shows_no_traceback(tmp_path):
    """A module that hangs while it is imported stands for a slow disk."""
    (tmp_path / "click.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    running = started("-", env=environment, stdout=subprocess.PIPE)
    assert running.stdout.readline() == "importing\n"
    running.send_signal(signal.SIGINT)
    assert end_of(running) == (130, "")


def test_a_signal_while_tables_are_written_keeps_the_journal(samples, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "files.csv.partial")  # writing waits until somebody reads
    running = started(samples / "meeting", "-o", out)
    wait_until(lambda: journal_lines(out) == 3)
    time.sleep(0.5)
    running.terminate()
    assert end_of(running)[0] == 130
    resumed = annotate(samples / "meeting", "-o", out)
    assert resumed.returncode == 0
    assert "3 done before" in resumed.stderr


def killed(running):
    running.kill()
    running.wait()
    wait_until(lambda: not group(running.pid), 5)


def test_no_worker_survives_the_parent(archive, tmp_path):
    running = started(archive, "-o", tmp_path / "out", "-j", 2, env=FAULTS)
    wait_until(lambda: len(workers(running.pid)) == 2)
    killed(running)


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_no_worker_survives_a_parent_that_is_killed_while_they_start(archive, tmp_path, pause):
    running = started(archive, "-o", tmp_path / "out", "-j", 2)
    wait_until(lambda: workers(running.pid))
    time.sleep(pause)
    killed(running)


def test_a_worker_that_is_stopped_does_not_survive_the_parent(archive, tmp_path):
    running = started(archive, "-o", tmp_path / "out", "-j", 1, env=FAULTS)
    at_work(tmp_path / "out")
    (worker,) = workers(running.pid)
    os.kill(worker, signal.SIGSTOP)  # like one that hangs in a decoder and cannot look after its parent
    killed(running)


@pytest.fixture
def partly_bad(samples, tmp_path):
    """Six good files, and three bad ones among the first of them."""
    folder = tmp_path / "partly bad"
    folder.mkdir()
    for k in range(6):
        shutil.copy(samples / "meeting" / "introduction.flac", folder / f"{k}.flac")
    for k in range(3):
        (folder / f"{k} bad.flac").write_text("dear diary")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "failed"), [(["--fail-fast"], 1), (["--max-failures", "0"], 1), (["--max-failures", "1"], 2)]
)
def test_too_many_failures_stop_the_run_resumably(partly_bad, tmp_path, option, failed):
    out = tmp_path / "out"
    stopped = annotate(partly_bad, "-o", out, "-j", 1, *option)
    assert stopped.returncode == 1
    assert f"{failed} failed, more than {' '.join(option)} allows" in stopped.stderr
    assert "bad.flac: decode: " in stopped.stderr
    assert "run the same command again" in stopped.stderr
    assert not any((out / name).exists() for name in TABLES)
    run = json.loads((out / "run.json").read_text())
    assert (run["exit_code"], run["counts"]["failed"]) == (1, failed)
    assert run["options"]["fail_fast"] == ("--fail-fast" in option)
    done = journal_lines(out)
    assert failed < done < 9

    again = annotate(partly_bad, "-o", out, "-j", 1, *option)
    assert again.returncode == 1  # nothing has been mended
    assert journal_lines(out) == done

    resumed = annotate(partly_bad, "-o", out)
    assert resumed.returncode == 3
    assert f"{done} done before" in resumed.stderr
    assert len(rows(out / "files.csv")) == 6
    assert len(rows(out / "failures.csv")) == 3


def test_as_many_failures_as_allowed_stop_nothing(partly_bad, tmp_path):
    assert annotate(partly_bad, "-o", tmp_path / "out", "--max-failures", 3).returncode == 3
    assert len(rows(tmp_path / "out" / "files.csv")) == 6


@pytest.mark.slow
def test_a_repaired_file_lets_a_stopped_run_resume(partly_bad, samples, tmp_path):
    assert annotate(partly_bad, "-o", tmp_path / "out", "--fail-fast").returncode == 1
    for bad in partly_bad.glob("* bad.flac"):
        shutil.copy(samples / "meeting" / "introduction.flac", bad)
    assert annotate(partly_bad, "-o", tmp_path / "out", "--fail-fast").returncode == 0


def test_a_missing_input_counts_as_a_failure(samples, tmp_path):
    stopped = annotate(samples / "meeting", samples / "missing.wav", "-o", tmp_path / "out", "--fail-fast")
    assert stopped.returncode == 1
    assert journal_lines(tmp_path / "out") == 0


@pytest.mark.slow
def test_a_second_run_into_the_folder_is_refused(archive, tmp_path, undisturbed):
    out = tmp_path / "out"
    running = started(archive, "-o", out, "-j", 1, env=FAULTS)
    at_work(out)
    second = annotate(archive, "-o", out, "--restart")
    assert second.returncode == 1
    assert f"is being written by another run: process {running.pid} on" in second.stderr
    assert end_of(running)[0] == 0
    assert tables(out) == undisturbed


def test_a_closed_stderr_does_not_stop_a_run(samples, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*SER_BATCH, "annotate", str(samples / "meeting"), "-o", str(tmp_path / "out")]
    assert subprocess.run(command, stderr=writer, timeout=60).returncode == 0
    assert len(rows(tmp_path / "out" / "files.csv")) == 3
