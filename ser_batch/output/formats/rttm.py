"""`annotations.rttm`: turns in the format of speaker diarisation, with the emotion instead of the speaker."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ser_batch.output.names import in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import FileRow, Schema, SegmentRow
from ser_batch.output.timeline import stretches


class Rttm(Replacement):
    """Writer of one line for each turn."""

    def __init__(self, folder: Path, schema: Schema):
        super().__init__(folder / "annotations.rttm")

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append the turns of one file."""
        for start, end, emotion in stretches(segments):
            if emotion.label:
                self.file.write(
                    f"SPEAKER {_field(file.file)} 1 {start:.6f} {end - start:.6f} <NA> <NA> "
                    f"{_field(emotion.label)} {emotion.confidence:.4f} <NA>\n"
                )


def _field(text: str) -> str:
    """Text without white space, which separates fields: white space and `%` are percent-encoded."""
    return re.sub(r"[\s%]", lambda match: quote(match[0]), in_utf8(text))


writer = Rttm
