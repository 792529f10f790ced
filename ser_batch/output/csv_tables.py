"""`files.csv` and `segments.csv`: UTF-8, comma-separated, one header line."""

import csv
from collections.abc import Sequence
from pathlib import Path

from ser_batch.output.replace import Replacement
from ser_batch.output.schema import FileRow, SegmentRow, file_columns, segment_columns, values

DECIMALS = {"duration": 6, "start": 6, "end": 6}  # of a second; shares have four


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
        self._decimals = [DECIMALS.get(column, 4) for column in columns]
        self._writer = csv.writer(self._replacement.file, lineterminator="\n")
        self._writer.writerow(columns)

    def write(self, row: Sequence[str | int | float | None]) -> None:
        """Append one row: fixed decimals for numbers, empty cells for None."""
        self._writer.writerow(
            f"{value:.{decimals}f}" if isinstance(value, float) else value
            for value, decimals in zip(row, self._decimals, strict=True)
        )

    def close(self) -> None:
        """Put the finished table in place."""
        self._replacement.close()
