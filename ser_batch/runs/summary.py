"""The summary of a run: counts, times, and the exit code."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ser_batch.engine.result import Annotation
from ser_batch.engine.stopwatch import STAGES
from ser_batch.runs import exit_codes


@dataclass(slots=True)
class Summary:
    """The result of a run in numbers.

    Attributes:
        folder: where the tables are.
        files: number of annotated files; `segments`, `silent`, `uncertain`, `failed` and `resumed` (files that an
            earlier run had done) are counts, too.
        audio_seconds: of all files; `new_audio_seconds` is what this run annotated.
        wall_seconds: duration of the run.
        labels: number of files with each label.
        stages: worker time in seconds for each of `ser_batch.engine.stopwatch.STAGES`.
        interrupted: a signal stopped the run; no tables were written.
        stopped: why the run stopped before its end, if it did; no tables were written.
        missing: number of shards that a merge went without.
        report: path of the HTML report, if one was written.
        url: where the folder was copied to.
        root: folder that the file names in the tables are relative to.
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

    def add_work(self, annotation: Annotation) -> None:
        """Add the audio and the worker time of one annotated file."""
        self.new_audio_seconds += annotation.duration
        for stage, seconds in zip(STAGES, annotation.seconds, strict=True):
            self.stages[stage] += seconds

    @property
    def times_real_time(self) -> float:
        """Seconds of audio that this run annotated per second of wall time."""
        return self.new_audio_seconds / self.wall_seconds if self.wall_seconds else 0.0

    @property
    def exit_code(self) -> int:
        """One of `ser_batch.runs.exit_codes`."""
        if self.interrupted:
            return exit_codes.INTERRUPTED
        if self.stopped:
            return exit_codes.FAILED
        if self.failed or self.missing:
            return exit_codes.PARTLY_FAILED if self.files else exit_codes.FAILED
        return exit_codes.OK
