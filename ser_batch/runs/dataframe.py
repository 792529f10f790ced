"""The rows of a run as a pandas DataFrame, with audformat's index."""

from array import array
from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.output.names import in_utf8
from ser_batch.output.schema import STATUSES, FileRow, Schema, SegmentRow

if TYPE_CHECKING:
    from pandas import DataFrame, Index

FAILURES_KEPT = 1_000  # pandas copies `attrs` in each operation


class DataFrameBuilder:
    """Collects rows, as a `Writer` of a format does, in one array for each column.

    `failures` are the first `FAILURES_KEPT` rows of `failures.csv`.
    """

    def __init__(self, schema: Schema, of_segments: bool = True):
        self._schema, self._of_segments = schema, of_segments
        self._columns = {
            name: _empty(name) for name in (schema.segment_columns if of_segments else schema.file_columns)
        }
        self.failures: list[dict[str, str]] = []

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append the segments of a file, or the file itself."""
        for row in segments if self._of_segments else [file]:
            for column, value in zip(self._columns.values(), self._schema.values(row), strict=True):
                column.append(nan if value is None and isinstance(column, array) else value)

    def fail(self, file: str, stage: str, error: str, message: str) -> None:
        """Append a failure."""
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append({"file": in_utf8(file), "stage": stage, "error": error, "message": message})

    def build(self) -> "DataFrame":
        """Return the DataFrame."""
        import pandas as pd

        columns: dict[str, Any] = {
            name: np.array(column) if isinstance(column, array) else column
            for name, column in self._columns.items()
        }
        files = pd.Index([in_utf8(name) for name in columns.pop("file")], dtype="string", name="file")
        index: Index = files
        if self._of_segments:
            times = [_timedelta(columns.pop(name)) for name in ("start", "end")]
            index = pd.MultiIndex.from_arrays([files, *times], names=["file", "start", "end"])
        for name, values in columns.items():
            if isinstance(values, list):
                categories = list(STATUSES) if name == "status" else self._schema.labels
                columns[name] = pd.Categorical(values, categories)
        return pd.DataFrame(columns, index)


def _empty(column: str) -> "list[Any] | array[Any]":
    """A list for text; a packed array for numbers."""
    if column in ("file", "status") or column.startswith("label"):
        return []
    return array("q" if column == "n_segments" else "d")


def _timedelta(seconds: NDArray[np.float64]) -> NDArray[np.timedelta64]:
    """Timedeltas in whole microseconds, as in the tables."""
    return (np.rint(seconds * 1e6).astype(np.int64) * 1_000).astype("timedelta64[ns]")
