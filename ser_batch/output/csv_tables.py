"""`files.csv` and `segments.csv`: UTF-8, comma-separated, one header line."""

import re
from collections.abc import Sequence
from pathlib import Path

from ser_batch.output.names import harmless_path, harmless_text, in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import FileRow, SegmentRow, file_columns, segment_columns, values

DECIMALS = {"duration": 6, "start": 6, "end": 6}  # of a second; shares have four
QUOTED = re.compile(
    r'[",;\t\r\n]'
)  # separators of every spreadsheet's, lest a name goes on in a cell of its own


class CsvTables:
    """Writes both tables, a row at a time; they appear under their names when complete."""

    def __init__(self, folder: Path, labels: Sequence[str]):
        self._n_labels = len(labels)
        self._files = CsvTable(folder / "files.csv", file_columns(labels))
        self._segments = CsvTable(folder / "segments.csv", segment_columns(labels))

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file and its segments."""
        self._files.write(values(file, self._n_labels))
        for segment in segments:
            self._segments.write(values(segment, self._n_labels))

    def close(self) -> None:
        """Put the finished tables in place."""
        self._files.close()
        self._segments.close()


class CsvTable:
    """One CSV file that appears under its name when it is complete."""

    def __init__(self, path: Path, columns: Sequence[str]):
        self._replacement = Replacement(path)
        self._columns = columns
        self.write(columns)

    def write(self, row: Sequence[str | int | float | None]) -> None:
        """Append one row: fixed decimals for numbers, empty cells for None, nothing that a spreadsheet would run."""
        cells = (_cell(column, value) for column, value in zip(self._columns, row, strict=True))
        self._replacement.file.write(",".join(cells) + "\n")

    def close(self) -> None:
        """Put the finished table in place."""
        self._replacement.close()


def _cell(column: str, value: str | int | float | None) -> str:
    if isinstance(value, float):
        return f"{value:.{DECIMALS.get(column, 4)}f}"
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = harmless_path(in_utf8(value)) if column == "file" else harmless_text(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text
