"""Output formats: one module for each value of `--format`, under the same name."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ser_batch.output.schema import FileRow, Schema, SegmentRow

FORMATS = (
    "csv", "tsv", "json", "jsonl", "parquet", "textgrid", "elan", "audacity", "audformat", "rttm", "webvtt", "srt"
)  # fmt: skip


class Writer(Protocol):
    """Writer of one format: takes the files in order and keeps no rows in memory."""

    def write(self, file: "FileRow", segments: "Sequence[SegmentRow]") -> None:
        """Append one file and its segments."""

    def close(self) -> None:
        """Move the complete output into place."""


def maker(name: str) -> "Callable[[Path, Schema], Writer]":
    """The function that makes the writer of a format from an output folder and a schema.

    Raises:
        ModuleNotFoundError: the format needs a package that is not installed.
    """
    return import_module(f"{__name__}.{name}").writer
