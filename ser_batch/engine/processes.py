"""Child processes: start, environment, and limits."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess, current_process, parent_process
from pathlib import Path
from typing import Any, TypeVar

from ser_batch.errors import SerBatchError

SPAWN = multiprocessing.get_context("spawn")  # a forked TensorFlow hangs
PR_SET_PDEATHSIG = 1  # linux/prctl.h
OUT_OF_MEMORY = 77  # exit code of a worker that reached its memory limit
CHUNK_FILES = 16
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc would return each spectrogram's memory to the kernel and fetch it again: 1 ms a window
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}

Result = TypeVar("Result")
Bar = Callable[[Iterator[Result], int], Iterator[Result]]


@contextmanager
def child_environment(*blocked: signal.Signals) -> Iterator[None]:
    """Start child processes inside this context: with one numerical thread each, and without the blocked signals.

    A terminal sends Ctrl-C, and a scheduler SIGTERM, to the whole process group; only the parent shall act on it.
    The children do not import the parent's main script, so it needs no `if __name__ == "__main__":`. The parent may be
    daemonic, as in Celery and `multiprocessing.Pool`: its children end with it all the same (`exit_with_parent`).

    Raises:
        SerBatchError: the current folder does not exist.
    """
    check_current_folder()
    main = vars(sys.modules["__main__"])
    script: dict[str, Any] = {name: main.pop(name) for name in ("__spec__", "__file__") if name in main}
    main["__spec__"] = None
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    config = current_process()._config  # type: ignore[attr-defined]
    daemonic = config.pop("daemon", None)  # else `multiprocessing` refuses to start children
    try:
        with _blocked(blocked):
            yield
    finally:
        if daemonic is not None:
            config["daemon"] = daemonic
        main.update(script)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def check_current_folder() -> None:
    """Raise SerBatchError if the current folder does not exist: no process can start in it."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise SerBatchError("the current folder has been deleted: change to one that exists (cd)") from None


@contextmanager
def _blocked(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Block signals; children inherit that, and this process receives what arrived when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: see `ignore_console_signals`
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # the first child would start it, which unblocks signals
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def map_files(
    paths: Sequence[str], function: Callable[[str], Result], jobs: int, bar: Bar[Result]
) -> list[Result]:
    """Call a function for each file in `jobs` processes; `bar` wraps the iterator, given the number of files."""
    with ProcessPoolExecutor(jobs, mp_context=SPAWN, initializer=exit_with_parent) as executor:
        with child_environment(signal.SIGINT):
            results = executor.map(function, paths, chunksize=CHUNK_FILES)
        return list(bar(results, len(paths)))


def exit_with_parent() -> None:
    """End this child process when its parent ends.

    On Linux the kernel kills it, also while it is stopped or hangs in a decoder. Elsewhere a thread waits for the end
    of the pipe that `multiprocessing` keeps open in the parent.
    """
    parent = parent_process()
    assert parent is not None
    try:
        prctl = ctypes.CDLL(None).prctl
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        _in_background(lambda: _exit_after(parent))
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:  # it ended before the call
        os._exit(1)


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def ignore_console_signals() -> None:
    """On Windows, ignore Ctrl-C and Ctrl-Break, which reach every process of a console."""
    if not hasattr(signal, "pthread_sigmask"):
        for name in {"SIGINT", "SIGBREAK"} & {each.name for each in signal.Signals}:
            signal.signal(signal.Signals[name], signal.SIG_IGN)


def limit_memory(extra: int) -> None:
    """Limit this process to `extra` bytes more than it has now.

    On Linux a larger allocation raises MemoryError or aborts; elsewhere a thread ends the process with the exit code
    `OUT_OF_MEMORY`. If the machine itself runs out of memory, Linux kills this process before its parent.
    """
    import psutil

    now = psutil.Process().memory_info()
    try:
        import resource

        kind, limit = resource.RLIMIT_DATA, now.data + extra
    except (ImportError, AttributeError):  # macOS, Windows
        _in_background(lambda: _exit_above(now.rss + extra))
    else:
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(kind, (limit, hard))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _exit_above(limit: int) -> None:
    """End this process when its resident memory exceeds a limit in bytes."""
    import psutil

    process = psutil.Process()
    while process.memory_info().rss < limit:
        time.sleep(0.2)
    os._exit(OUT_OF_MEMORY)


def _in_background(function: Callable[[], object]) -> None:
    threading.Thread(target=function, daemon=True).start()
