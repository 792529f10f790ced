"""Tables of text: UTF-8, one header line, separated by commas or tabs."""

import re
from collections.abc import Sequence
from pathlib import Path

from ser_batch.output.names import harmless_path, harmless_text, in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import Schema, Value
from ser_batch.output.two_tables import TwoTables

DECIMALS = {"duration": 6, "start": 6, "end": 6}  # of a second; shares have four
QUOTED = re.compile(
    r'[",;\t\r\n]'
)  # separators of every spreadsheet's, lest a name goes on in a cell of its own


def csv_tables(folder: Path, schema: Schema, suffix: str = ".csv", separator: str = ",") -> TwoTables:
    """Write `files` and `segments` with a suffix."""
    return TwoTables(
        schema,
        CsvTable(folder / f"files{suffix}", schema.file_columns, separator),
        CsvTable(folder / f"segments{suffix}", schema.segment_columns, separator),
    )


class CsvTable:
    """One table that appears under its name when it is complete."""

    def __init__(self, path: Path, columns: Sequence[str], separator: str = ","):
        self._replacement = Replacement(path)
        self._columns = columns
        self._separator = separator
        self.write(columns)

    def write(self, row: Sequence[Value]) -> None:
        """Append one row: fixed decimals for numbers, empty cells for None, nothing that a spreadsheet would run."""
        cells = (_cell(column, value) for column, value in zip(self._columns, row, strict=True))
        self._replacement.file.write(self._separator.join(cells) + "\n")

    def close(self) -> None:
        """Put the finished table in place."""
        self._replacement.close()


def _cell(column: str, value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.{DECIMALS.get(column, 4)}f}"
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = harmless_path(in_utf8(value)) if column == "file" else harmless_text(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text
