"""`textgrid/<input>.TextGrid`: Praat TextGrids (long text format) with tiers of labels and of confidences."""

from collections.abc import Iterator, Sequence

from ser_batch.output.schema import Emotion, FileRow, SegmentRow
from ser_batch.output.timeline import Stretch, stretches
from ser_batch.output.tree import tree_writer


def textgrid(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of a TextGrid."""
    yield 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    yield f"xmin = 0 \nxmax = {file.end or file.duration:.6f} \ntiers? <exists> \nsize = 2 \nitem []: \n"
    timeline = list(stretches(segments))
    if timeline[0].start:  # of a stretch: Praat wants intervals from 0
        timeline.insert(0, Stretch(0.0, timeline[0].start, Emotion(None, None, None, 0.0)))
    labels = (stretch.emotion.label or "" for stretch in timeline)
    yield from _tier(1, "label", timeline, labels)
    confidences = (stretch.emotion.confidence for stretch in timeline)
    yield from _tier(2, "confidence", timeline, ("" if c is None else f"{c:.4f}" for c in confidences))


def _tier(number: int, name: str, timeline: Sequence[Stretch], texts: Iterator[str]) -> Iterator[str]:
    yield f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{name}" \n'
    yield f"        xmin = 0 \n        xmax = {timeline[-1].end:.6f} \n"
    yield f"        intervals: size = {len(timeline)} \n"
    for i, (stretch, text) in enumerate(zip(timeline, texts, strict=True), start=1):
        quoted = text.replace('"', '""')
        yield f"        intervals [{i}]:\n            xmin = {stretch.start:.6f} \n"
        yield f'            xmax = {stretch.end:.6f} \n            text = "{quoted}" \n'


writer = tree_writer("textgrid", ".TextGrid", textgrid)
