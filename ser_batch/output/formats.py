"""The formats that annotations are written in, by the name that `--format` takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ser_batch.output.csv_tables import CsvTables
from ser_batch.output.json_document import JsonDocument
from ser_batch.output.schema import FileRow, SegmentRow


class Writer(Protocol):
    """Takes the files in order, each with its segments; nothing of them is kept in memory."""

    def __init__(self, folder: Path, labels: Sequence[str]): ...

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file with its segments."""

    def close(self) -> None:
        """Finish the output and put it in place."""


FORMATS: dict[str, type[Writer]] = {"csv": CsvTables, "json": JsonDocument}
