"""RTTM, the format of speaker diarisation: `annotations.rttm` names the emotion in the place of the speaker, and
`speech.rttm` has the stretches of speech, with `speech` in that place.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ser_batch.output.names import in_utf8
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import FileRow, Schema, SegmentRow
from ser_batch.output.timeline import stretches


class Rttm:
    """Writer of one line for each turn and for each stretch of speech."""

    def __init__(self, folder: Path, schema: Schema):
        self._turns = Replacement(folder / "annotations.rttm")
        self._speech = Replacement(folder / "speech.rttm")

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append the turns and the speech of one file."""
        for start, end, emotion in stretches(segments):
            if emotion.label:
                self._turns.file.write(
                    _line(file.file, start, end, _field(emotion.label), f"{emotion.confidence:.4f}")
                )
        for start, end in file.speech or ():
            self._speech.file.write(_line(file.file, start, end, "speech", "<NA>"))

    def close(self) -> None:
        """Move both files into place."""
        self._turns.close()
        self._speech.close()


def _line(file: str, start: float, end: float, name: str, confidence: str) -> str:
    return f"SPEAKER {_field(file)} 1 {start:.6f} {end - start:.6f} <NA> <NA> {name} {confidence} <NA>\n"


def _field(text: str) -> str:
    """Text without white space, which separates fields: white space and `%` are percent-encoded."""
    return re.sub(r"[\s%]", lambda match: quote(match[0]), in_utf8(text))


writer = Rttm
