"""`files.jsonl`, `segments.jsonl` and `speech.jsonl`: one object a line, with the columns of the tables as keys."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ser_batch.output.replace import Replacement
from ser_batch.output.schema import Value
from ser_batch.output.tables import Tables


class JsonLines(Replacement):
    """One table."""

    def __init__(self, path: Path, columns: Sequence[str]):
        super().__init__(path)
        self._columns = columns

    def write(self, row: Sequence[Value]) -> None:
        """Append a row as an object."""
        record = dict(zip(self._columns, row, strict=True))
        self.file.write(json.dumps(record, ensure_ascii=False) + "\n")


writer = partial(Tables, suffix=".jsonl", table=JsonLines)
