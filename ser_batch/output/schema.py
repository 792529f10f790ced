"""The columns of the tables, and the rows that every format is written from. Columns are only added at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

SCHEMA_VERSION = 1

SILENT = "silent"
OK = "ok"

FAILURE_COLUMNS = ("file", "stage", "error", "message")


@dataclass(frozen=True, slots=True)
class Emotion:
    """What was heard: calibrated probabilities in the order of the model's labels; none for silence."""

    label: str | None
    confidence: float | None
    probabilities: tuple[float, ...] | None
    speech_ratio: float

    @property
    def status(self) -> str:
        """`ok`, or `silent` for audio without sound."""
        return SILENT if self.label is None else OK


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One window of a file: `0 <= start < end <= duration`, in seconds."""

    file: str
    start: float
    end: float
    emotion: Emotion


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file: the mean of its segments, weighted by their speech ratio. Duration in seconds."""

    file: str
    duration: float
    n_segments: int
    emotion: Emotion


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One input that could not be annotated: at which stage, the kind of error, and what to do about it."""

    file: str
    stage: str
    error: str
    message: str


def file_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Columns of `files.*`."""
    return ("file", "duration", "n_segments", *_emotion_columns(labels))


def segment_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Columns of `segments.*`."""
    return ("file", "start", "end", *_emotion_columns(labels))


def _emotion_columns(labels: Sequence[str]) -> tuple[str, ...]:
    return ("label", "confidence", *(f"p_{label}" for label in labels), "speech_ratio", "status")


def values(row: FileRow | SegmentRow, n_labels: int) -> tuple[str | int | float | None, ...]:
    """A row's values in the order of its columns; None where silence has no value."""
    heard = row.emotion
    emotion = (
        heard.label,
        heard.confidence,
        *(heard.probabilities or (None,) * n_labels),
        heard.speech_ratio,
        heard.status,
    )
    if isinstance(row, FileRow):
        return (row.file, row.duration, row.n_segments, *emotion)
    return (row.file, row.start, row.end, *emotion)
