"""Writer of a table of files and a table of segments."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ser_batch.output.schema import FileRow, Schema, SegmentRow, Value


class Table(Protocol):
    """One table of rows."""

    def write(self, row: tuple[Value, ...], /) -> None:
        """Append a row."""

    def close(self) -> None:
        """Move the complete table into place."""


class TwoTables:
    """Writes `files` and `segments` with a suffix; `table` makes a table from its path and its columns."""

    def __init__(
        self, folder: Path, schema: Schema, suffix: str, table: Callable[[Path, Sequence[str]], Table]
    ):
        self._schema = schema
        self._files = table(folder / f"files{suffix}", schema.file_columns)
        self._segments = table(folder / f"segments{suffix}", schema.segment_columns)

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file and its segments."""
        self._files.write(self._schema.values(file))
        for segment in segments:
            self._segments.write(self._schema.values(segment))

    def close(self) -> None:
        """Move the complete tables into place."""
        self._files.close()
        self._segments.close()
