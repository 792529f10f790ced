"""A run of `annotate` from outside: what was asked for, and what came out."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ser_batch.audio.front_end import WINDOW_SECONDS
from ser_batch.engine.result import Annotation
from ser_batch.engine.stopwatch import STAGES

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class View:
    """How results are shown, which changes none of them: neighbours of one label joined, labels left out that are
    less probable than `min_confidence`, and the `top_k` labels of each row.
    """

    merge_consecutive: bool = False
    min_confidence: float = 0.0
    top_k: int = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What `annotate` was asked for. Times in seconds; None: as the model's card says, or all cores."""

    model: str = "crema-d"
    window: float = WINDOW_SECONDS
    hop: float = WINDOW_SECONDS / 2
    denoise: str | None = None
    formats: Sequence[str] = ("csv",)
    jobs: int | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    absolute: bool = False
    timeout: float = 60.0
    restart: bool = False
    retry_failed: bool = False
    max_failures: int | None = None
    fail_fast: bool = False
    shard: str | None = None
    work_dir: str | None = None  # for the local copies of outputs in a store
    ray: str | None = None  # address of a cluster, or `local` for a private one
    ray_actors: int | None = None
    ray_cpus_per_actor: float = 1.0
    ray_runtime_env: str | None = None  # JSON, or a file of it
    ray_ship_files: bool = False
    merge_consecutive: bool = False
    min_confidence: float = 0.0
    top_k: int = 1

    @property
    def view(self) -> View:
        """How the results are shown."""
        return View(self.merge_consecutive, self.min_confidence, self.top_k)

    @property
    def failures_allowed(self) -> float:
        """How many inputs may fail before the run is stopped."""
        if self.fail_fast:
            return 0
        return math.inf if self.max_failures is None else self.max_failures


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that changes a result: the bundle, the window and hop in seconds, the denoise engine."""

    model: str
    window: float
    hop: float
    denoise: str


@dataclass(slots=True)
class Summary:
    """What came out of a run. `labels` counts files; audio and wall time are in seconds.

    `stages` are the seconds that the workers spent on each of `ser_batch.engine.stopwatch.STAGES`.

    `interrupted` and `stopped`, which says why, tell that some files have not been tried: no tables were written.
    `missing` is how many shards a merge has gone without; `url` is where the folder has been copied to; `root` is the
    folder that the names in the tables are relative to.
    """

    folder: Path
    files: int = 0
    segments: int = 0
    silent: int = 0
    uncertain: int = 0
    failed: int = 0
    resumed: int = 0
    audio_seconds: float = 0.0
    new_audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    interrupted: bool = False
    stopped: str = ""
    missing: int = 0
    report: Path | None = None
    url: str = ""
    root: str = ""

    def worked(self, annotation: Annotation) -> None:
        """Count what the workers did in this run."""
        self.new_audio_seconds += annotation.duration
        for stage, seconds in zip(STAGES, annotation.seconds, strict=True):
            self.stages[stage] += seconds

    @property
    def times_real_time(self) -> float:
        """Seconds of audio annotated by this run in each second of it."""
        return self.new_audio_seconds / self.wall_seconds if self.wall_seconds else 0.0

    @property
    def exit_code(self) -> int:
        """0 all annotated, 1 none could be or too many failed, 3 some failed or are missing, 130 interrupted."""
        if self.interrupted:
            return INTERRUPTED
        if self.stopped:
            return 1
        if self.failed or self.missing:
            return 3 if self.files else 1
        return 0
