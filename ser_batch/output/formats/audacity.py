"""`audacity/<input>.txt`: label tracks for Audacity, with start, end and text separated by tabs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ser_batch.output.schema import FileRow, Schema, SegmentRow
from ser_batch.output.timeline import caption, stretches
from ser_batch.output.tree import Tree


def writer(folder: Path, schema: Schema) -> Tree:
    """Write a tree of label tracks."""
    return Tree(folder / "audacity", ".txt", track)


def track(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a label track."""
    for start, end, heard in stretches(segments):
        if heard.label:
            yield f"{start:.6f}\t{end:.6f}\t{caption(heard)}\n"
