"""Writer of a table of files and a table of segments."""

from collections.abc import Sequence
from typing import Protocol

from ser_batch.output.schema import FileRow, Schema, SegmentRow, Value


class Table(Protocol):
    """One table of rows."""

    def write(self, row: tuple[Value, ...], /) -> None:
        """Append a row."""

    def close(self) -> None:
        """Move the complete table into place."""


class TwoTables:
    """Writes the rows of each file into both tables."""

    def __init__(self, schema: Schema, files: Table, segments: Table):
        self._schema = schema
        self._files = files
        self._segments = segments

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file and its segments."""
        self._files.write(self._schema.values(file))
        for segment in segments:
            self._segments.write(self._schema.values(segment))

    def close(self) -> None:
        """Move the complete tables into place."""
        self._files.close()
        self._segments.close()
