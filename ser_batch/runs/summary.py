"""The summary of a run: counts, times, and the exit code."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ser_batch.engine.result import Annotation
from ser_batch.engine.stopwatch import STAGES
from ser_batch.runs import exit_codes


@dataclass(slots=True)
class Summary:
    """The result of a run: counts of files and segments, and times in seconds."""

    folder: Path  # of the tables
    files: int = 0  # annotated
    segments: int = 0
    silent: int = 0
    no_speech: int = 0
    uncertain: int = 0
    failed: int = 0
    channels_cancel: int = 0  # files with channels that cancel each other, of which one channel was annotated
    resumed: int = 0  # done by an earlier run
    audio_seconds: float = 0.0
    new_audio_seconds: float = 0.0  # annotated by this run
    wall_seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)  # files with each label
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))  # worker time
    interrupted: bool = False  # by a signal
    stopped: str = ""  # reason why the run stopped before its end
    missing: int = 0  # shards that a merge went without
    report: Path | None = None
    url: str = ""  # where the folder was copied to
    passed_over: Counter[str] = field(
        default_factory=Counter
    )  # files of the directories that are no audio files
    root: str = ""  # folder that the names in the tables are relative to

    def add_work(self, annotation: Annotation) -> None:
        """Add the audio and the worker time of one annotated file."""
        self.new_audio_seconds += annotation.duration
        for stage, seconds in zip(STAGES, annotation.seconds, strict=True):
            self.stages[stage] += seconds

    @property
    def complete(self) -> bool:
        """Whether every input was tried; if not, no tables are written."""
        return not (self.interrupted or self.stopped)

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
