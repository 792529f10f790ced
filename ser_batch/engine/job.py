"""The options of a run of `annotate`, and the settings that change a result."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ser_batch.audio.front_end import WINDOW_SECONDS
from ser_batch.audio.voice import MIN_SPEECH_SECONDS


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `annotate`. Times in seconds; None means: as the model's card says, or all cores."""

    model: str = "crema-d"
    window: float = WINDOW_SECONDS
    hop: float = WINDOW_SECONDS / 2
    denoise: str | None = None
    voice: bool = True  # whether windows without speech are left without a label
    min_speech: float = MIN_SPEECH_SECONDS
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
    work_dir: str | None = None  # local copies of an output folder in a store
    ray: str | None = None  # address of a cluster, or `local` for a private one
    ray_actors: int | None = None
    ray_cpus_per_actor: float = 1.0
    ray_runtime_env: str | None = None  # JSON, or the path of a JSON file
    ray_ship_files: bool = False
    merge_consecutive: bool = False
    min_confidence: float = 0.0
    top_k: int = 1
    root: str | None = None  # folder that the names are relative to
    any_root: bool = False  # resume although the recordings are at another path now
    adapt: bool = False
    adapt_by: str | None = (
        None  # levels of folders, or a pattern of folders, that are adapted each for itself
    )
    expect: str | None = None  # LABEL=SHARE,…
    calibration: str | None = None  # file, or a folder that holds it
    stretches: bool = False  # some inputs are stretches of files; set by the run

    @property
    def moved(self) -> bool:
        """Whether a run may resume although the root has changed."""
        return self.any_root or self.root is not None

    @property
    def failures_allowed(self) -> float:
        """Number of inputs that may fail before the run stops."""
        if self.fail_fast:
            return 0
        return math.inf if self.max_failures is None else self.max_failures


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that changes a result: path of the bundle, window and hop in seconds, denoise engine, the seconds of
    speech that a labelled window holds at least (None without the voice detector), and the detector's folder (None for
    the one that ships).
    """

    model: str
    window: float
    hop: float
    denoise: str
    min_speech: float | None = MIN_SPEECH_SECONDS
    voice: str | None = None
