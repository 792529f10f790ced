"""The formats that annotations are written in: each is a module of this package, named as `--format` names it."""

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
    """Takes the files in order, each with its segments; nothing of them is kept in memory."""

    def write(self, file: "FileRow", segments: "Sequence[SegmentRow]") -> None:
        """Append one file with its segments."""

    def close(self) -> None:
        """Finish the output and put it in place."""


def maker(name: str) -> "Callable[[Path, Schema], Writer]":
    """What makes the writer of a format, for an output folder and a schema.

    Raises:
        ModuleNotFoundError: the format needs a package that is not installed.
    """
    return import_module(f"{__name__}.{name}").writer
