"""The audit page: recordings to listen to and to label, without their predicted labels."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_batch.output.html_page import write_page

COLUMNS = ("file", "start", "end", "label", "listener", "probability")
NONE, NO_SPEECH = "none", "no-speech"  # answers beside the labels


@dataclass(frozen=True, slots=True)
class Item:
    """A recording of the sample.

    `start` and `end` in seconds are empty for a whole file; `probability` is the chance with which it was drawn;
    `audio` is an MP3 file.
    """

    file: str
    start: str
    end: str
    probability: float
    audio: bytes


def write_audit(path: Path, title: str, labels: Sequence[str], items: Sequence[Item], names: bool) -> None:
    """Write the page; `names` shows the names of the files.

    Raises:
        SerBatchError: the page cannot be written.
    """
    data = {
        "title": title,
        "labels": list(labels),
        "columns": COLUMNS,
        "names": names,
        "items": [
            {
                "file": item.file,
                "start": item.start,
                "end": item.end,
                "probability": f"{item.probability:.6g}",
                "audio": f"data:audio/mpeg;base64,{base64.b64encode(item.audio).decode()}",
            }
            for item in items
        ],
    }
    write_page(path, Path(__file__).with_name("audit.html"), f"{title} – audit", data)
