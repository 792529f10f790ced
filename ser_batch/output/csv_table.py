"""CSV and TSV table: UTF-8, one header line."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ser_batch.output.names import harmless_path, harmless_text, in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import Value

DECIMALS = {"duration": 6, "start": 6, "end": 6}  # times in seconds; other numbers have four decimals
QUOTED = re.compile(r'[",;\t\r\n]')  # the separators that spreadsheets use


class CsvTable(Replacement):
    """One table."""

    def __init__(self, path: Path, columns: Sequence[str], separator: str = ","):
        super().__init__(path)
        self._columns = [(column, f"%.{DECIMALS.get(column, 4)}f") for column in columns]
        self._separator = separator
        self.write(columns)

    def write(self, row: Sequence[Value]) -> None:
        """Append a row: fixed decimals for numbers, an empty cell for None, no text that a spreadsheet runs."""
        cells = [
            number % value if isinstance(value, float) else _cell(column, value)
            for (column, number), value in zip(self._columns, row, strict=True)
        ]
        self.file.write(self._separator.join(cells) + "\n")


@lru_cache(maxsize=256)  # labels and statuses, and the file of successive segments
def _cell(column: str, value: Value) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = harmless_path(in_utf8(value)) if column == "file" else harmless_text(value)
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text
