"""`srt/<input>.srt`: SubRip subtitles for players."""

from collections.abc import Iterator, Sequence

from ser_batch.output.schema import FileRow, SegmentRow
from ser_batch.output.timeline import caption, clock, in_milliseconds, stretches
from ser_batch.output.tree import tree_writer


def subtitles(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a SubRip file."""
    shown = (cue for cue in in_milliseconds(stretches(segments)) if cue[2].label)
    for number, (start, end, emotion) in enumerate(shown, start=1):
        yield f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{caption(emotion)}\n\n"


writer = tree_writer("srt", ".srt", subtitles)
