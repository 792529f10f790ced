"""Shards: the part of the files that one task of a job array annotates."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ser_batch.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The environment variables that give a task of a job array its number and the array's range."""

    number: str
    first: str = ""
    last: str = ""
    step: str = ""
    count: str = ""
    base: int = 1  # the first number, if no variable gives it


SLURM = "SLURM_ARRAY_TASK_"
SCHEDULERS = (
    Scheduler(SLURM + "ID", SLURM + "MIN", SLURM + "MAX", SLURM + "STEP", SLURM + "COUNT"),
    Scheduler("SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE"),
    Scheduler("LSB_JOBINDEX", last="LSB_JOBINDEX_END", step="LSB_JOBINDEX_STEP"),
    Scheduler("PBS_ARRAY_INDEX"),  # PBS Pro, OpenPBS
    Scheduler("PBS_ARRAYID"),  # Torque
    Scheduler("JOB_COMPLETION_INDEX", base=0),  # an Indexed Job of Kubernetes
)


@final
@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """Part `index` of `count`, counted from 1. A hash of a file's name decides which shard it is in."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def slug(self) -> str:
        """The shard in names of files and folders."""
        return f"{self.index}-of-{self.count}"

    def holds(self, name: str) -> bool:
        """Whether a file is in this shard, by its path relative to the root, wherever that is mounted."""
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """Parse `I/N`, `auto` or `auto/N`; the last two read the scheduler's environment variables.

    Raises:
        UsageError: no valid shard.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)|auto(?:/(\d+))?", text, re.ASCII)
    if not found:
        raise UsageError(f"--shard {text}: give I/N, such as 1/16 to 16/16, or auto in a job array")
    index, count, auto_count = found.groups()
    shard = Shard(int(index), int(count)) if index else _from_scheduler(auto_count, environment)
    if not 1 <= shard.index <= shard.count:
        raise UsageError(f"--shard {text}: there is no shard {shard}: count them from 1/N to N/N")
    return shard


def _from_scheduler(count: str | None, environment: Mapping[str, str]) -> Shard:
    """The shard of a task: its place in the array's range, or its own number if the count is given."""
    scheduler = next((each for each in SCHEDULERS if environment.get(each.number, "").isdecimal()), None)
    if not scheduler:
        names = ", ".join(each.number for each in SCHEDULERS)
        raise UsageError(f"--shard auto: not in a job array (none of {names} is set): give --shard I/N")
    task = int(environment[scheduler.number])
    if count:
        return Shard(task - scheduler.base + 1, int(count))
    if not environment.get(scheduler.last, "").isdecimal():
        raise UsageError(
            f"--shard auto: {scheduler.number} does not say how many tasks there are: give --shard auto/N"
        )
    first = int(environment.get(scheduler.first, scheduler.base))
    step = int(environment.get(scheduler.step, 1))
    tasks = (int(environment[scheduler.last]) - first) // step + 1
    if int(environment.get(scheduler.count, tasks)) != tasks:
        raise UsageError("--shard auto: the numbers of the tasks have gaps: give --shard auto/N or I/N")
    return Shard((task - first) // step + 1, tasks)


def existing_shards(folder: Path) -> list[Shard]:
    """Return the shards that have a journal in an output folder, finished or not."""
    names = (path.name for path in (folder / ".journal").glob("shard-*.journal"))
    found = (re.fullmatch(r"shard-(\d+)-of-(\d+)\.journal", name, re.ASCII) for name in names)
    return sorted(Shard(int(match[1]), int(match[2])) for match in found if match)
