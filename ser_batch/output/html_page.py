"""Self-contained HTML pages: a template, a style sheet, a script and data in one file."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from ser_batch.errors import SerBatchError
from ser_batch.output.replace import Replacement


def write_page(path: Path, template: Path, title: str, data: dict[str, Any]) -> None:
    """Write a page to `path` from `template`, an .html file with a .css and a .js file of the same name beside it.

    Raises:
        SerBatchError: the page cannot be written.
    """
    style, script = (template.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".css", ".js"))
    parts = {
        "title": html.escape(title),
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        # without "<", a file name cannot end the script element or start a new one
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    page = re.sub(r"\{\{(\w+)}}", lambda match: parts[match[1]], template.read_text(encoding="utf-8"))
    try:
        replacement = Replacement(path)
        replacement.file.write(page)
        replacement.close()
    except OSError as error:
        raise SerBatchError(
            f"{path}: cannot write the page ({error.strerror}): choose another file with -o"
        ) from error


def _hash(text: str) -> str:
    """The hash that allows a script or a style sheet in the content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
