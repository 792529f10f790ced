"""A table of files beside one of segments, whatever a table is made of."""

from collections.abc import Sequence
from typing import Protocol

from ser_batch.output.schema import FileRow, Schema, SegmentRow, Value


class Table(Protocol):
    """Takes rows, and appears under its name when it is complete."""

    def write(self, row: tuple[Value, ...], /) -> None:
        """Append one row."""

    def close(self) -> None:
        """Put the finished table in place."""


class TwoTables:
    """Writes both, a row at a time; they appear under their names when complete."""

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
        """Put the finished tables in place."""
        self._files.close()
        self._segments.close()
