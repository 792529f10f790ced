"""The branches for systems without `prctl`, `resource`, `fcntl`, signal masks and affinity: see tests/elsewhere."""

import os
import signal
import subprocess

import pytest

from tests.running import (
    ROOT,
    SER_BATCH,
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

ELSEWHERE = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests' / 'elsewhere'}:{ROOT}"}
FAULTS_ELSEWHERE = {**ELSEWHERE, "ALSO_FAULTS": str(ROOT / "tests" / "faults")}


@pytest.fixture
def slow(samples, tmp_path):
    """A file that is done at once, one that takes long, and one more."""
    (tmp_path / "in").mkdir()
    for name in ("0.flac", "slow-1.flac", "z.flac"):
        (tmp_path / "in" / name).write_bytes((samples / "meeting" / "introduction.flac").read_bytes())
    return tmp_path / "in"


def test_the_tables_are_the_same(samples, tmp_path):
    assert annotate(samples / "meeting", "-o", tmp_path / "here").returncode == 0
    assert annotate(samples / "meeting", "-o", tmp_path / "there", env=ELSEWHERE).returncode == 0
    assert tables(tmp_path / "here") == tables(tmp_path / "there")


def test_workers_end_with_a_parent_that_is_killed(slow, tmp_path):
    running = started(slow, "-o", tmp_path / "out", "-j", 2, env={**FAULTS_ELSEWHERE, "SLOW_SECONDS": "60"})
    wait_until(lambda: journal_lines(tmp_path / "out") == 1)
    assert workers(running.pid)
    running.kill()
    running.wait()
    wait_until(lambda: not group(running.pid), 5)


def test_ctrl_c_lets_the_file_in_work_be_finished(slow, tmp_path):
    running = started(slow, "-o", tmp_path / "out", "-j", 1, env={**FAULTS_ELSEWHERE, "SLOW_SECONDS": "1"})
    wait_until(lambda: journal_lines(tmp_path / "out") == 1)
    os.killpg(running.pid, signal.SIGINT)
    assert end_of(running)[0] == 130
    assert journal_lines(tmp_path / "out") == 2


@pytest.mark.slow
def test_a_file_that_takes_all_memory_fails_alone(samples, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.flac", "greedy-1.flac"):
        (tmp_path / "in" / name).write_bytes((samples / "meeting" / "introduction.flac").read_bytes())
    done = annotate(tmp_path / "in", "-o", tmp_path / "out", env=FAULTS_ELSEWHERE)
    assert done.returncode == 3, done.stderr
    assert len(rows(tmp_path / "out" / "files.csv")) == 1
    assert [row["error"] for row in rows(tmp_path / "out" / "failures.csv")] == ["Memory"]


def test_a_second_run_into_the_folder_is_refused(slow, tmp_path):
    running = started(slow, "-o", tmp_path / "out", "-j", 1, env={**FAULTS_ELSEWHERE, "SLOW_SECONDS": "3"})
    wait_until(lambda: journal_lines(tmp_path / "out") == 1)
    command = [*SER_BATCH, "annotate", slow, "-o", tmp_path / "out"]
    second = subprocess.run(command, env=ELSEWHERE, capture_output=True, text=True)
    assert second.returncode == 1
    assert f"is being written by another run: process {running.pid} on" in second.stderr
    assert end_of(running)[0] == 0
