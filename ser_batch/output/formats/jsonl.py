"""`files.jsonl` and `segments.jsonl`: one object a line, with the columns of the tables as keys."""

import json
from collections.abc import Sequence
from pathlib import Path

from ser_batch.output.replace import Replacement
from ser_batch.output.schema import Schema, Value
from ser_batch.output.two_tables import TwoTables


def writer(folder: Path, schema: Schema) -> TwoTables:
    """Write both tables."""
    files = _Lines(folder / "files.jsonl", schema.file_columns)
    return TwoTables(schema, files, _Lines(folder / "segments.jsonl", schema.segment_columns))


class _Lines(Replacement):
    def __init__(self, path: Path, columns: Sequence[str]):
        super().__init__(path)
        self._columns = columns

    def write(self, row: Sequence[Value]) -> None:
        record = dict(zip(self._columns, row, strict=True))
        self.file.write(json.dumps(record, ensure_ascii=False) + "\n")
