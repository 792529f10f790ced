"""The lock of an output folder: one run at a time writes to it."""

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser_batch.errors import SerBatchError

WITHOUT_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP}  # of file systems; filelock itself handles ENOSYS


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; the kernel releases it when this process ends, however it ends.

    A text file beside it, `path` + `.holder`, says who holds the lock. On a file system without locks that text alone
    counts: the lock is held while the process runs, or if it runs on another host.

    Raises:
        SerBatchError: another process holds the lock.
        OSError: the files cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    holder = path.with_name(path.name + ".holder")
    try:
        lock.acquire()
    except Timeout:
        raise _held(path, holder, "wait for it, or stop it") from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        if holder_is_running(_text(holder)):
            raise _held(path, holder, f"if it no longer runs, delete {holder}") from None
    try:
        holder.write_text(holder_text(), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _text(holder: Path) -> str:
    """Content of the holder file; empty between another run's locking and its writing of that file."""
    return holder.read_text(encoding="utf-8") if holder.exists() else ""


def _held(path: Path, holder: Path, advice: str) -> SerBatchError:
    pid, host, since = _text(holder).splitlines() or ("?", "?", "?")
    return SerBatchError(
        f"{path.parent.parent} is being written by another run: process {pid} on {host}, since {since}: "
        f"{advice}, or give another folder with -o"
    )


def holder_text() -> str:
    """Process id, host and time of this process, a line each."""
    return f"{os.getpid()}\n{platform.node()}\n{time.strftime('%Y-%m-%d %H:%M:%S %z')}\n"


def holder_is_running(text: str) -> bool:
    """Whether the process of a `holder_text` runs; assumed of other hosts, which cannot be asked."""
    import psutil

    pid, host, _ = text.splitlines() or ("0", platform.node(), "")
    return host != platform.node() or (pid != "0" and psutil.pid_exists(int(pid)))
