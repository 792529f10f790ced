"""`srt/<input>.srt`: subtitles for players."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ser_batch.output.schema import FileRow, Schema, SegmentRow
from ser_batch.output.timeline import caption, clock, in_milliseconds, stretches
from ser_batch.output.tree import Tree


def writer(folder: Path, schema: Schema) -> Tree:
    """Write a tree of subtitles."""
    return Tree(folder / "srt", ".srt", subtitles)


def subtitles(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a SubRip file."""
    shown = (cue for cue in in_milliseconds(stretches(segments)) if cue[2].label)
    for number, (start, end, heard) in enumerate(shown, start=1):
        yield f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{caption(heard)}\n\n"
