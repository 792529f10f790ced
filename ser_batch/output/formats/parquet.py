"""`files.parquet`, `segments.parquet` and `speech.parquet`, written by pyarrow (extra `parquet`)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from ser_batch.output.names import in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import SCHEMA_VERSION, Value
from ser_batch.output.tables import Tables

GROUP_ROWS = 1 << 14  # rows of a row group, the part that is kept in memory


class ParquetTable(Replacement):
    """One table."""

    def __init__(self, path: Path, columns: Sequence[str]):
        super().__init__(path)
        fields = [pa.field(column, _type(column)) for column in columns]
        self._schema = pa.schema(fields, {"schema_version": str(SCHEMA_VERSION)})
        self._writer = parquet.ParquetWriter(self.file.buffer, self._schema)
        self._rows: list[tuple[Value, ...]] = []

    def write(self, row: tuple[Value, ...]) -> None:
        """Append a row; a full row group is written."""
        self._rows.append((in_utf8(str(row[0])), *row[1:]))
        if len(self._rows) == GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(c, field.type) for c, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=self._schema), GROUP_ROWS)
        self._rows.clear()

    def close(self) -> None:
        """Write the last row group and move the table into place."""
        if self._rows:
            self._flush()
        self._writer.close()
        super().close()


def _type(column: str) -> pa.DataType:
    if column in ("file", "label", "status") or column.startswith("label_"):
        return pa.string()
    return pa.int64() if column == "n_segments" else pa.float64()


writer = partial(Tables, suffix=".parquet", table=ParquetTable)
