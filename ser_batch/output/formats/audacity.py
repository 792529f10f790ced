"""`audacity/<input>.txt`: label tracks for Audacity: start, end and text, separated by tabs."""

from collections.abc import Iterator, Sequence

from ser_batch.output.schema import FileRow, SegmentRow
from ser_batch.output.timeline import caption, stretches
from ser_batch.output.tree import tree_writer


def track(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a label track."""
    for start, end, emotion in stretches(segments):
        if emotion.label:
            yield f"{start:.6f}\t{end:.6f}\t{caption(emotion)}\n"


writer = tree_writer("audacity", ".txt", track)
