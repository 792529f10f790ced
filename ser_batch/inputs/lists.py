"""Lists of input files: one path a line, or a manifest with files and stretches of files."""

import codecs
import math
import os
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any

from ser_batch.errors import SerBatchError
from ser_batch.inputs.tables import BINARY, UTF_16, Row, is_unicode, not_utf8, read_table
from ser_batch.inputs.url import is_url
from ser_batch.stretches import Stretch

TIMES = ("start", "end", "duration")


def read_list(stream: IO[str] | IO[bytes]) -> Iterator[str]:
    """Read the paths of a list, one a line; blank lines and a byte-order mark are skipped.

    A binary stream (`sys.stdin.buffer`) may be UTF-16, and keeps names that are not valid in the locale's encoding.

    Raises:
        SerBatchError: the stream is binary data.
    """
    lines: Iterator[str | bytes] = iter(stream)
    first = next(lines, "")
    if isinstance(first, bytes) and first.startswith(UTF_16):
        rest = first + b"".join(line for line in lines if isinstance(line, bytes))
        first, lines = "", iter(rest.decode("utf-16", "replace").splitlines())
    elif isinstance(first, bytes):
        first = first.removeprefix(codecs.BOM_UTF8)
    for number, line in enumerate(chain([first], lines), start=1):
        path = os.fsdecode(line).lstrip("\ufeff").rstrip("\r\n")
        if "\0" in path:
            raise SerBatchError(f"the list, line {number}: {BINARY}")
        if path.strip():
            yield path if is_url(path) else locate(path)


def read_manifest(path: str | os.PathLike[str]) -> Iterator[str]:
    """Read the paths of a manifest: URLs, or file paths, of which relative ones are relative to the manifest's folder.

    Rows with a start are stretches of files (`ser_batch.stretches`).

    A CSV without a known name of the column of files has them in the first column; a first line that begins with an
    audio file is then no header.

    Raises:
        SerBatchError: the manifest cannot be read, or a line is malformed.
    """
    path = os.fspath(path)
    for line, row in read_table(path, ("file",), TIMES, manifest=True):
        yield located(path, line, row)


def located(table: str, line: int, row: Row) -> str:
    """Return the file, or the stretch of a file, that a row of a table names: its URL, or its path.

    A stretch has a start, and an end or a duration; without these (or with pandas' `NaT`), it goes to the end of the
    file. Times are seconds, or pandas' notation of timedeltas (`0 days 00:00:01.5`), as audformat has them.

    Raises:
        SerBatchError: the row names no file, its path is not UTF-8 and does not exist, or its times are wrong.
    """
    entry = row.get("file")
    if not isinstance(entry, str) or not entry.strip():
        raise SerBatchError(f"{table}, line {line}: no path: give each line a file")
    file = entry
    if not is_url(entry):
        file = locate(entry, os.path.dirname(table))
        if not is_unicode(file) and not os.path.lexists(file):
            raise not_utf8(table, line)
    try:
        start, end = (_seconds(row.get(name)) for name in ("start", "end"))
        duration = None if start is None else _seconds(row.get("duration"))  # or else of the file
    except ValueError as error:
        raise SerBatchError(f"{table}, line {line}: {error}: give seconds, or 0 days 00:00:01.5") from None
    if start is None and end is None:
        return file
    start = start or 0.0
    if end is None and duration is not None:
        end = start + duration
    if start < 0 or (end is not None and end <= start):
        raise SerBatchError(
            f"{table}, line {line}: from {start:g} to {end:g} s: the end must be after the start"
        )
    return str(Stretch(file, start, end)) if start or end is not None else file


def locate(entry: str, folder: str = "") -> str:
    """Return the path of an entry; without blanks around it, and with `/` for backslashes, if only that path exists."""
    path, plain = os.path.join(folder, entry), entry.strip().replace("\\", "/")
    if plain == entry or os.path.lexists(path):
        return path
    changed = os.path.join(folder, plain)
    return changed if os.path.lexists(changed) else path


def _seconds(value: Any) -> float | None:
    """Return a time in seconds; None for an empty cell.

    Raises:
        ValueError: it is no time.
    """
    text = str("" if value is None else value).strip().replace(",", ".")
    if text.lower() in ("", "nat", "nan", "none"):
        return None
    clock = re.fullmatch(r"(?:(\d+) days?,? *\+?)?(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)|(\d+) days?", text)
    if clock:
        days, hours, minutes, seconds, whole_days = (float(part or 0) for part in clock.groups())
        return (days + whole_days) * 86_400 + hours * 3_600 + minutes * 60 + seconds
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text} is no time")
    return number
