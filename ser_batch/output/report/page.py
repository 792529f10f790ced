"""The report's page: template, style sheet, script and data in one HTML file."""

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
    """Write the report of an output folder to `path`, by default `report.html` in the folder; return the path.

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
        # without "<", a file name cannot end the script element or start a new one
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    page = re.sub(r"\{\{(\w+)}}", lambda match: parts[match[1]], _part("report.html"))
    try:
        replacement = Replacement(path)
        replacement.file.write(page)
        replacement.close()
    except OSError as error:
        raise SerBatchError(
            f"{path}: cannot write the report ({error.strerror}): choose another file with -o"
        ) from error
    return path


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash that allows a script or a style sheet in the content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
