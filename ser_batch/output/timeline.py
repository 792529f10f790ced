"""Timeline without overlap, made from overlapping segments: for formats that show one label at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ser_batch.output.schema import Emotion, SegmentRow


class Stretch(NamedTuple):
    """A part of a file and its emotion; times in seconds."""

    start: float
    end: float
    emotion: Emotion


def stretches(segments: Sequence[SegmentRow]) -> Iterator[Stretch]:
    """Tile a file from 0 to its duration, or a stretch of it, with its sorted segments, without gap or overlap.

    Each border is the middle of the time that two neighbours share. With a hop of h, each window keeps h seconds
    around its centre; the first and the last keep more.
    """
    start = segments[0].start if segments else 0.0
    for segment, following in zip(segments, [*segments[1:], None], strict=True):
        end = round((segment.end + following.start) / 2, 6) if following else segment.end
        yield Stretch(start, end, segment.emotion)
        start = end


def in_milliseconds(timeline: Iterable[Stretch]) -> Iterator[tuple[int, int, Emotion]]:
    """Round the borders to milliseconds; no stretch becomes empty."""
    start = None
    for stretch in timeline:
        start = round(stretch.start * 1000) if start is None else start
        end = max(start + 1, round(stretch.end * 1000))
        yield start, end, stretch.emotion
        start = end


def caption(emotion: Emotion) -> str:
    """Label and confidence: `angry 0.7512`."""
    return f"{emotion.label} {emotion.confidence:.4f}"


def clock(milliseconds: int, point: str = ".") -> str:
    """A time in the notation of subtitles: `01:02:03.004`."""
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{thousandths:03}"
