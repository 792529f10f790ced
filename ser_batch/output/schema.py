"""The columns of the tables, and the rows that every format is written from. Columns are only added at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

SCHEMA_VERSION = 1

SILENT = "silent"
UNCERTAIN = "uncertain"
OK = "ok"

FAILURE_COLUMNS = ("file", "stage", "error", "message")

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Emotion:
    """What was heard: calibrated probabilities in the order of the model's labels; none for silence.

    Without a label, but with probabilities, it is uncertain: less probable than the user wants to see.
    """

    label: str | None
    confidence: float | None
    probabilities: tuple[float, ...] | None
    speech_ratio: float

    @property
    def status(self) -> str:
        """`ok`, `silent` for audio without sound, or `uncertain`."""
        if self.probabilities is None:
            return SILENT
        return UNCERTAIN if self.label is None else OK


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One window of a file, or several joined: `0 <= start < end <= duration`, in seconds."""

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
class Schema:
    """The columns for a model's labels, in the order of its probabilities, with the `top_k` labels of each row."""

    labels: Sequence[str]
    top_k: int = 1

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Columns of `files.*`."""
        return ("file", "duration", "n_segments", *self.emotion_columns)

    @property
    def segment_columns(self) -> tuple[str, ...]:
        """Columns of `segments.*`."""
        return ("file", "start", "end", *self.emotion_columns)

    @property
    def emotion_columns(self) -> tuple[str, ...]:
        """The columns that both have."""
        probabilities = (f"p_{label}" for label in self.labels)
        return ("label", "confidence", *probabilities, "speech_ratio", "status", *self.ranks)

    @property
    def ranks(self) -> tuple[str, ...]:
        """The columns of the labels from the second most probable on."""
        places = range(2, min(self.top_k, len(self.labels)) + 1)
        return tuple(f"{column}_{k}" for k in places for column in ("label", "confidence"))

    def values(self, row: FileRow | SegmentRow) -> tuple[Value, ...]:
        """A row's values in the order of its columns; None where silence has no value."""
        heard = row.emotion
        emotion = (
            heard.label,
            heard.confidence,
            *(heard.probabilities or (None,) * len(self.labels)),
            heard.speech_ratio,
            heard.status,
            *self.ranked(heard),
        )
        if isinstance(row, FileRow):
            return (row.file, row.duration, row.n_segments, *emotion)
        return (row.file, row.start, row.end, *emotion)

    def ranked(self, heard: Emotion) -> tuple[Value, ...]:
        """The values of `ranks`."""
        n = len(self.ranks)
        if not n or heard.probabilities is None:
            return (None,) * n
        pairs = zip(self.labels, heard.probabilities, strict=True)
        order = sorted(pairs, key=lambda pair: (pair[0] != heard.label, -pair[1]))
        return tuple(value for pair in order[1:] for value in pair)[:n]

    def record(self, row: FileRow | SegmentRow) -> dict[str, Value]:
        """A row's values by their columns."""
        columns = self.file_columns if isinstance(row, FileRow) else self.segment_columns
        return dict(zip(columns, self.values(row), strict=True))
