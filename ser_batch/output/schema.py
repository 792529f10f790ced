"""Schema of the tables: columns and rows. New columns are added only at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

from ser_batch.stretches import Stretch

SCHEMA_VERSION = 2  # 1: `speech_ratio` was the share of the window that is loud

SILENT = "silent"
NO_SPEECH = "no-speech"
UNCERTAIN = "uncertain"
OK = "ok"
STATUSES = (OK, UNCERTAIN, NO_SPEECH, SILENT)

FAILURE_COLUMNS = ("file", "stage", "error", "message")
SPEECH_COLUMNS = ("file", "start", "end")

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Emotion:
    """Label, confidence and calibrated probabilities, in the order of the model's labels.

    Silence, and sound without speech (`no_speech`), have no label and no probabilities. An uncertain emotion
    (`--min-confidence`) has probabilities alone.
    """

    label: str | None
    confidence: float | None
    probabilities: tuple[float, ...] | None
    speech_ratio: float
    no_speech: bool = False

    @property
    def status(self) -> str:
        """One of `STATUSES`: `uncertain` is a confidence below the minimum, `silent` no sound."""
        if self.probabilities is None:
            return NO_SPEECH if self.no_speech else SILENT
        return UNCERTAIN if self.label is None else OK


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One window of a file, or several merged ones: `0 <= start < end <= duration`, in seconds."""

    file: str
    start: float
    end: float
    emotion: Emotion


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file: the mean of its segments, weighted by their speech ratio; the duration is in seconds.

    `start` and `end` are the times of a stretch of the file in seconds, None for a whole file. `speech` has start and
    end of each stretch of speech in seconds; None without the voice detector.
    """

    file: str
    duration: float
    n_segments: int
    emotion: Emotion
    start: float | None = None
    end: float | None = None
    speech: tuple[tuple[float, float], ...] | None = None

    @property
    def key(self) -> str:
        """The name of the file, or of the stretch: unique in a run."""
        return self.file if self.start is None else str(Stretch(self.file, self.start, self.end))


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns for the labels of a model, in the order of its probabilities.

    `top_k` adds columns of labels; `stretches` adds the times of stretches to the tables of files and failures.
    """

    labels: Sequence[str]
    top_k: int = 1
    stretches: bool = False

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Columns of `files.*`."""
        return ("file", "duration", "n_segments", *self.emotion_columns, *self.stretch_columns)

    @property
    def segment_columns(self) -> tuple[str, ...]:
        """Columns of `segments.*`."""
        return ("file", "start", "end", *self.emotion_columns)

    @property
    def failure_columns(self) -> tuple[str, ...]:
        """Columns of `failures.csv`."""
        return (*FAILURE_COLUMNS, *self.stretch_columns)

    @property
    def stretch_columns(self) -> tuple[str, ...]:
        """The columns of the times of stretches; empty cells for whole files."""
        return ("start", "end") if self.stretches else ()

    @property
    def emotion_columns(self) -> tuple[str, ...]:
        """The columns that both tables have."""
        probabilities = (f"p_{label}" for label in self.labels)
        return ("label", "confidence", *probabilities, "speech_ratio", "status", *self.ranks)

    @property
    def ranks(self) -> tuple[str, ...]:
        """The columns of `--top-k`: the second to the k-th most probable label."""
        places = range(2, min(self.top_k, len(self.labels)) + 1)
        return tuple(f"{column}_{k}" for k in places for column in ("label", "confidence"))

    def values(self, row: FileRow | SegmentRow) -> tuple[Value, ...]:
        """The values of a row in the order of its columns; None for what has no label."""
        emotion = row.emotion
        probabilities = emotion.probabilities or (None,) * len(self.labels)
        times = (row.duration, row.n_segments) if isinstance(row, FileRow) else (row.start, row.end)
        label = (emotion.label, emotion.confidence, *probabilities)
        values = (row.file, *times, *label, emotion.speech_ratio, emotion.status, *self.ranked(emotion))
        return (*values, row.start, row.end) if self.stretches and isinstance(row, FileRow) else values

    def ranked(self, emotion: Emotion) -> tuple[Value, ...]:
        """The values of `ranks`."""
        if self.top_k == 1:
            return ()
        n = len(self.ranks)
        if emotion.probabilities is None:
            return (None,) * n
        pairs = zip(self.labels, emotion.probabilities, strict=True)
        order = sorted(pairs, key=lambda pair: (pair[0] != emotion.label, -pair[1]))
        return tuple(value for pair in order[1:] for value in pair)[:n]

    def record(self, row: FileRow | SegmentRow) -> dict[str, Value]:
        """The values of a row by column."""
        columns = self.file_columns if isinstance(row, FileRow) else self.segment_columns
        return dict(zip(columns, self.values(row), strict=True))


def stretch_times(row: FileRow) -> dict[str, Value]:
    """The times of a stretch by column; empty for a whole file."""
    return {} if row.start is None else {"start": row.start, "end": row.end}
