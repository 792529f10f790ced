"""Segments that overlap, as stretches that do not: for formats that show one label at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ser_batch.output.schema import Emotion, SegmentRow


class Stretch(NamedTuple):
    """A part of a file and what is heard in it; times in seconds."""

    start: float
    end: float
    emotion: Emotion


def stretches(segments: Sequence[SegmentRow]) -> Iterator[Stretch]:
    """Cut a file's segments, sorted, so that they tile it from 0 to its duration without gap or overlap.

    Each border lies in the middle of what two neighbours share. Windows of one length thus keep the times that are
    nearer to their centre than to any other's: for a hop of h, h each, and more for the first and the last.
    """
    start = 0.0
    for segment, following in zip(segments, [*segments[1:], None], strict=True):
        end = round((segment.end + following.start) / 2, 6) if following else segment.end
        yield Stretch(start, end, segment.emotion)
        start = end


def in_milliseconds(timeline: Iterable[Stretch]) -> Iterator[tuple[int, int, Emotion]]:
    """Round the borders to milliseconds: still tiles, none of them empty."""
    start = 0
    for stretch in timeline:
        end = max(start + 1, round(stretch.end * 1000))
        yield start, end, stretch.emotion
        start = end


def caption(heard: Emotion) -> str:
    """What is heard, if it has a label, and its confidence: `angry 0.7512`."""
    return f"{heard.label} {heard.confidence:.4f}"


def clock(milliseconds: int, point: str = ".") -> str:
    """A time as subtitles have it: `01:02:03.004`."""
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{thousandths:03}"
