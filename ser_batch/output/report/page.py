"""The page: its parts and the data put together."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from ser_batch.errors import SerBatchError
from ser_batch.output.replace import Replacement
from ser_batch.output.report.gather import gather


def write_report(folder: Path, path: Path | None = None) -> Path:
    """Write the page of an annotate folder to `path`, by default `report.html` in it; return where it is.

    Raises:
        SerBatchError: a table is missing or damaged, or the page cannot be written.
    """
    path = path or folder / "report.html"
    data = gather(folder, path.absolute().parent)
    style, script = _part("report.css"), _part("report.js")
    parts = {
        "title": html.escape(data["folder"]),
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        # no name can end the element that the data is in, nor begin another
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    page = re.sub(r"\{\{(\w+)}}", lambda place: parts[place[1]], _part("report.html"))
    try:
        replacement = Replacement(path)
        replacement.file.write(page)
        replacement.close()
    except OSError as error:
        raise SerBatchError(f"cannot write {path} ({error.strerror}): choose another file with -o") from error
    return path


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What the content security policy knows a script or a style sheet by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
