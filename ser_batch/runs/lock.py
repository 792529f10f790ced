"""One run at a time in an output folder."""

import errno
import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser_batch.errors import SerBatchError

NO_LOCKS_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, a file that stays; the kernel releases it when this process ends, however it does.

    The file says who holds it. On a file system without locks that text is all there is: its holder counts as
    alive if its process is, or if it ran on another host, which cannot be asked.

    Raises:
        SerBatchError: another process holds it.
        OSError: the file cannot be written.
    """
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        holder = file.read()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(path, holder, "wait for it, or stop it") from None
        except OSError as error:
            if error.errno not in NO_LOCKS_HERE:
                raise
            if holder_is_running(holder):
                raise _held(path, holder, f"if it is no more, delete {path}") from None
        file.truncate(0)
        file.write(signature())
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _held(path: Path, holder: str, advice: str) -> SerBatchError:
    # empty in the instant between another run's taking the lock and its signing
    pid, host, since = holder.splitlines() or ("?", "?", "?")
    return SerBatchError(
        f"{path.parent.parent} is being written by another run: process {pid} on {host}, since {since}: "
        f"{advice}, or give another folder with -o"
    )


def signature() -> str:
    """Who holds a lock: process, host and time."""
    return f"{os.getpid()}\n{platform.node()}\n{time.strftime('%Y-%m-%d %H:%M:%S %z')}\n"


def holder_is_running(holder: str) -> bool:
    """Whether the holder that a signature tells of is at work, as far as can be known here."""
    if not holder:
        return False
    pid, host, _ = holder.splitlines()
    if host != platform.node():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
