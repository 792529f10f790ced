"""`webvtt/<input>.vtt`: WebVTT subtitles for browsers and players."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from ser_batch.output.schema import FileRow, SegmentRow
from ser_batch.output.timeline import caption, clock, in_milliseconds, stretches
from ser_batch.output.tree import tree_writer


def subtitles(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a WebVTT file."""
    yield "WEBVTT\n"
    for start, end, emotion in in_milliseconds(stretches(segments)):
        if emotion.label:
            yield f"\n{clock(start)} --> {clock(end)}\n{escape(caption(emotion))}\n"


writer = tree_writer("webvtt", ".vtt", subtitles)
