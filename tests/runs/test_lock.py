"""The lock of an output folder."""

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys

import pytest

from ser_batch.errors import SerBatchError
from ser_batch.runs.lock import locked

HOLD = """
import sys
from pathlib import Path
from ser_batch.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    (tmp_path / "out" / ".journal").mkdir(parents=True)
    return tmp_path / "out" / ".journal" / "lock"


@pytest.fixture
def holder(lock):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_holder_is_named(lock, holder):
    told = (
        rf"out is being written by another run: process {holder.pid} on {platform.node()}, since 20\d\d-.*-o"
    )
    with pytest.raises(SerBatchError, match=told), locked(lock):
        pass


@pytest.mark.parametrize("end", [signal.SIGKILL, None], ids=["killed", "in order"])
def test_the_lock_is_released_when_its_holder_ends(lock, holder, end):
    said = lock.with_name("lock.holder")
    if end:
        holder.send_signal(end)
    holder.communicate()
    assert said.exists() == bool(end)
    with locked(lock):
        assert said.read_text().startswith(f"{os.getpid()}\n")
    assert not said.exists()


def test_it_can_be_taken_again(lock):
    for _ in range(2):
        with locked(lock):
            pass


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP])
def no_locks(monkeypatch, request):
    """A file system without locks, of which there is none at hand."""

    def flock(file, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_without_locks_a_running_holder_has_the_lock(no_locks, lock, holder):
    told = rf"process {holder.pid} .*if it no longer runs, delete .*lock\.holder"
    with pytest.raises(SerBatchError, match=told), locked(lock):
        pass


def test_without_locks_a_dead_holder_has_no_lock(no_locks, lock, holder):
    holder.kill()
    holder.communicate()
    with locked(lock):
        pass


def test_without_locks_a_holder_on_another_host_has_the_lock(no_locks, lock):
    lock.with_name("lock.holder").write_text("1\nelsewhere\n2026-01-01 00:00:00 +0000\n")
    with pytest.raises(SerBatchError, match="process 1 on elsewhere, since 2026"), locked(lock):
        pass
