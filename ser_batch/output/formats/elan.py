"""`elan/<input>.eaf`: ELAN documents with a tier of labels and a tier of confidences."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from urllib.parse import quote
from xml.sax.saxutils import escape

from ser_batch.output.schema import FileRow, SegmentRow
from ser_batch.output.timeline import in_milliseconds, stretches
from ser_batch.output.tree import tree_writer

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="ser-batch" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="{url}" MIME_TYPE="{mime}"/>
</HEADER>
<TIME_ORDER>
"""  # ELAN requires a date; a fixed one keeps two runs identical
TAIL = """<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""


def document(file: FileRow, segments: Sequence[SegmentRow]) -> Iterator[str]:
    """The text of an annotation document."""
    timeline = list(in_milliseconds(stretches(segments)))
    scheme = "file://" if file.file.startswith("/") else ""
    mime = "audio/x-wav" if file.file.lower().endswith(".wav") else "unknown"
    yield HEAD.format(url=scheme + quote(os.fsencode(file.file), safe="/:"), mime=mime)
    slots = (time for start, end, _ in timeline for time in (start, start, end, end))
    for i, time in enumerate(slots, start=1):
        yield f'<TIME_SLOT TIME_SLOT_ID="ts{i}" TIME_VALUE="{time}"/>\n'
    yield "</TIME_ORDER>\n"
    numbers = count(1)
    emotions = [emotion for _, _, emotion in timeline]
    yield from _tier("label", 1, numbers, (emotion.label for emotion in emotions))
    confidences = (emotion.confidence for emotion in emotions)
    yield from _tier("confidence", 2, numbers, (None if c is None else f"{c:.4f}" for c in confidences))
    yield TAIL


def _tier(name: str, slot: int, numbers: Iterator[int], values: Iterable[str | None]) -> Iterator[str]:
    """One tier. Each annotation has time slots of its own: ELAN moves annotations that share a slot together."""
    yield f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{name}">\n'
    for start, value in zip(count(slot, 4), values, strict=False):
        if value is not None:
            yield f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{next(numbers)}" TIME_SLOT_REF1="ts{start}" '
            yield f'TIME_SLOT_REF2="ts{start + 2}"><ANNOTATION_VALUE>{escape(value)}</ANNOTATION_VALUE>'
            yield "</ALIGNABLE_ANNOTATION></ANNOTATION>\n"
    yield "</TIER>\n"


writer = tree_writer("elan", ".eaf", document)
