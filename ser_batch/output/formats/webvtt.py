"""`webvtt/<input>.vtt`: subtitles for browsers and players."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from ser_batch.output.schema import FileRow, Schema, SegmentRow
from ser_batch.output.timeline import caption, clock, in_milliseconds, stretches
from ser_batch.output.tree import Tree


def writer(folder: Path, schema: Schema) -> Tree:
    """Write a tree of subtitles."""
    return Tree(folder / "webvtt", ".vtt", subtitles)


def subtitles(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a WebVTT file."""
    yield "WEBVTT\n"
    for start, end, heard in in_milliseconds(stretches(segments)):
        if heard.label:
            yield f"\n{clock(start)} --> {clock(end)}\n{escape(caption(heard))}\n"
