"""Child processes: how they are started, and how many the machine can keep busy."""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

SPAWN = multiprocessing.get_context("spawn")  # a forked TensorFlow hangs
PR_SET_PDEATHSIG = 1  # linux/prctl.h
CHUNK_FILES = 16
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc would give each spectrogram's memory back and fetch it page by page again: 1 ms a window
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}

Result = TypeVar("Result")
Bar = Callable[[Iterator[Result], int], Iterator[Result]]


def default_jobs() -> int:
    """How many processors this process may use: its affinity, or what a scheduler granted if that is less."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(usable, int(granted)) if granted.isdigit() and int(granted) else usable


@contextmanager
def child_environment(*deaf_to: signal.Signals) -> Iterator[None]:
    """Processes that are started in here use one numerical thread each, and never get some signals.

    A terminal and a scheduler send Ctrl-C and SIGTERM to the whole group: it is for the parent to decide. Nor do they
    import the parent's main script, which needs no `if __name__ == "__main__":` then, and may have imported much.
    """
    main = vars(sys.modules["__main__"])
    script: dict[str, Any] = {name: main.pop(name) for name in ("__spec__", "__file__") if name in main}
    main["__spec__"] = None
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    resource_tracker.ensure_running()  # or the first child starts it, which unblocks signals
    # children inherit the mask; this process gets what came in between when it is lifted
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, deaf_to)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        main.update(script)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def map_files(
    paths: Sequence[str], function: Callable[[str], Result], jobs: int, bar: Bar[Result]
) -> list[Result]:
    """What a function makes of each file, in `jobs` processes; `bar` wraps the iterator, given their number."""
    with ProcessPoolExecutor(
        jobs, mp_context=SPAWN, initializer=exit_with_parent, initargs=(os.getpid(),)
    ) as executor:
        with child_environment(signal.SIGINT):
            results = executor.map(function, paths, chunksize=CHUNK_FILES)
        return list(bar(results, len(paths)))


def exit_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, a process id, ends: also if it is stopped, or hangs."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def limit_memory(beyond: int) -> None:
    """Let this process take so many bytes more than it has: what asks for more gets a MemoryError, or aborts.

    Should the machine run out of memory all the same, its kernel is to kill this process and not the parent.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    limit = 1024 * int(status.partition("VmData:")[2].split()[0]) + beyond
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
