"""`textgrid/<input>.TextGrid`: Praat TextGrids (long text format) with tiers of labels, confidences and speech."""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from ser_batch.output.schema import Emotion, FileRow, SegmentRow
from ser_batch.output.timeline import Stretch, stretches
from ser_batch.output.tree import tree_writer

Interval = tuple[float, float, str]  # start and end in seconds, text


def textgrid(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a TextGrid."""
    yield 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    size = 2 if file.speech is None else 3
    yield f"xmin = 0 \nxmax = {file.end or file.duration:.6f} \ntiers? <exists> \nsize = {size} \nitem []: \n"
    timeline = list(stretches(segments))
    if timeline[0].start:  # of a stretch: Praat wants intervals from 0
        timeline.insert(0, Stretch(0.0, timeline[0].start, Emotion(None, None, None, 0.0)))
    labels = [(start, end, emotion.label or "") for start, end, emotion in timeline]
    yield from _tier(1, "label", labels)
    confidences = [(start, end, _number(emotion.confidence)) for start, end, emotion in timeline]
    yield from _tier(2, "confidence", confidences)
    if file.speech is not None:
        yield from _tier(3, "speech", _speech(file.speech, timeline[-1].end))


def _number(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.4f}"


def _speech(speech: Sequence[tuple[float, float]], duration: float) -> list[Interval]:
    """The stretches of speech and the gaps between them: a tier has no holes."""
    borders = list(pairwise([0.0, *chain.from_iterable(speech), duration]))
    intervals = [(start, end, "speech" if i % 2 else "") for i, (start, end) in enumerate(borders)]
    return [interval for interval in intervals if interval[0] < interval[1]]


def _tier(number: int, name: str, intervals: Sequence[Interval]) -> Iterator[str]:
    yield f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{name}" \n'
    yield f"        xmin = 0 \n        xmax = {intervals[-1][1]:.6f} \n"
    yield f"        intervals: size = {len(intervals)} \n"
    for i, (start, end, text) in enumerate(intervals, start=1):
        quoted = text.replace('"', '""')
        yield f"        intervals [{i}]:\n            xmin = {start:.6f} \n"
        yield f'            xmax = {end:.6f} \n            text = "{quoted}" \n'


writer = tree_writer("textgrid", ".TextGrid", textgrid)
