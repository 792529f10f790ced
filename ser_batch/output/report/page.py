"""Writing of the report's page."""

import base64
from collections.abc import Mapping
from pathlib import Path

from ser_batch.output.html_page import write_page
from ser_batch.output.report.gather import gather


def write_report(
    folder: Path,
    path: Path | None = None,
    audio: str | None = None,
    sounds: Mapping[str, bytes] | None = None,
) -> Path:
    """Write the report of an output folder to `path`, by default `report.html` in the folder; return the path.

    Args:
        folder: output folder of `annotate`.
        path: the page.
        audio: folder or URL of the recordings, if they are not where they were annotated.
        sounds: MP3 files to embed, by name of the recording in the tables.

    Raises:
        SerBatchError: a table is missing or damaged, or the page cannot be written.
    """
    path = path or folder / "report.html"
    data = gather(folder, path.absolute().parent, audio)
    data["sounds"] = {name: base64.b64encode(sound).decode() for name, sound in (sounds or {}).items()}
    write_page(path, Path(__file__).with_name("report.html"), data["folder"], data)
    return path
