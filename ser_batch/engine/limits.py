"""Processors and memory that this process may use: affinity, schedulers, and control groups (containers)."""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

PARENT_BYTES = 100_000_000
WORKER_BYTES = 200_000_000  # about twice what a worker takes
ROOT = Path("/")


def default_jobs(
    files: float = math.inf, warn: Callable[[str], None] = lambda message: None, root: Path = ROOT
) -> int:
    """Default number of processes for so many files: one for each processor, or fewer if memory is limited.

    Args:
        files: number of files, the most processes that are of use.
        warn: called with a message if the memory limit reduces the number.
        root: where `proc` and `sys` are.
    """
    jobs = max(1, min(cpus(root), files))
    memory = memory_limit(root)
    fitting = max(1, int((memory - PARENT_BYTES) // WORKER_BYTES)) if memory < math.inf else jobs
    if fitting < jobs:
        warn(f"memory is limited to {memory / 1e6:,.0f} MB: {fitting} instead of {jobs} workers (see --jobs)")
    return int(min(jobs, fitting))


def cpus(root: Path = ROOT) -> int:
    """Number of processors: the least of affinity, CPU quota of the control groups, and SLURM's grant."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    limits = [int(granted)] if granted.isdecimal() and int(granted) else []
    for folder, v2 in _control_groups("cpu", root):
        if v2:
            quota, _, period = _read(folder / "cpu.max").partition(" ")
        else:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal():  # `max` and -1 mean no limit
            limits.append(max(1, math.ceil(int(quota) / int(period))))
    return min([usable, *limits])


def memory_limit(root: Path = ROOT) -> float:
    """The least memory limit of the control groups in bytes; infinite if there is none."""
    texts = [
        _read(folder / ("memory.max" if v2 else "memory.limit_in_bytes"))
        for folder, v2 in _control_groups("memory", root)
    ]
    return min((int(text) for text in texts if text.isdecimal()), default=math.inf)


def _control_groups(controller: str, root: Path) -> Iterator[tuple[Path, bool]]:
    """Folder of this process's control group and of each group above it, and whether it is of version 2."""
    mount = root / "sys" / "fs" / "cgroup"
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            group = PurePosixPath(path.lstrip("/"))  # in a container, it may exist on the host only
            for each in (group, *group.parents):
                yield (mount / controller if controllers else mount) / each, not controllers


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
