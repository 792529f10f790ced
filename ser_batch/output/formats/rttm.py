"""`annotations.rttm`: turns as in speaker diarisation, with the emotion in the place of the speaker."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ser_batch.output.names import in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import FileRow, Schema, SegmentRow
from ser_batch.output.timeline import stretches


class Rttm:
    """Writes a line a turn; the file appears under its name when complete."""

    def __init__(self, folder: Path, schema: Schema):
        self._replacement = Replacement(folder / "annotations.rttm")

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append the turns of one file."""
        for start, end, heard in stretches(segments):
            if heard.label:
                self._replacement.file.write(
                    f"SPEAKER {_field(file.file)} 1 {start:.6f} {end - start:.6f} <NA> <NA> "
                    f"{_field(heard.label)} {heard.confidence:.4f} <NA>\n"
                )

    def close(self) -> None:
        """Put the finished file in place."""
        self._replacement.close()


def _field(text: str) -> str:
    """Text without white space, which separates the fields: that is written as in a URL, and so is `%`."""
    return re.sub(r"[\s%]", lambda match: quote(match[0]), in_utf8(text))


writer = Rttm
