"""Writer of a table of files, a table of segments and a table of stretches of speech."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ser_batch.output.schema import SPEECH_COLUMNS, FileRow, Schema, SegmentRow, Value


class Table(Protocol):
    """One table of rows."""

    def write(self, row: tuple[Value, ...], /) -> None:
        """Append a row."""

    def close(self) -> None:
        """Move the complete table into place."""


class Tables:
    """Writes `files`, `segments` and `speech` with a suffix; `table` makes a table from its path and its columns."""

    def __init__(
        self, folder: Path, schema: Schema, suffix: str, table: Callable[[Path, Sequence[str]], Table]
    ):
        self._schema = schema
        self._files = table(folder / f"files{suffix}", schema.file_columns)
        self._segments = table(folder / f"segments{suffix}", schema.segment_columns)
        self._speech = table(folder / f"speech{suffix}", SPEECH_COLUMNS)

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file, its segments and its stretches of speech."""
        self._files.write(self._schema.values(file))
        for segment in segments:
            self._segments.write(self._schema.values(segment))
        for start, end in file.speech or ():
            self._speech.write((file.file, start, end))

    def close(self) -> None:
        """Move the complete tables into place."""
        self._files.close()
        self._segments.close()
        self._speech.close()
