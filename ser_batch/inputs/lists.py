"""Lists of input files: one path a line, or a manifest (CSV or JSONL)."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from ser_batch.errors import SerBatchError
from ser_batch.inputs.suffixes import is_audio, suffix
from ser_batch.inputs.url import is_url

MANIFEST_COLUMNS = ("file", "path")
LONGEST_LINE = 1 << 20  # characters; binary data may have no line ends
BINARY = "binary data, not a list of paths: give audio files as arguments"


def read_list(stream: IO[str] | IO[bytes]) -> Iterator[str]:
    """Read the paths of a list, one a line; blank lines are skipped.

    A binary stream (`sys.stdin.buffer`) keeps names that are not valid in the locale's encoding.

    Raises:
        SerBatchError: the stream is binary data.
    """
    lines: Iterable[str | bytes] = stream
    for number, line in enumerate(lines, start=1):
        path = os.fsdecode(line).rstrip("\r\n")
        if "\0" in path:
            raise SerBatchError(f"the list, line {number}: {BINARY}")
        if path.strip():
            yield path


def read_manifest(path: str | os.PathLike[str]) -> Iterator[str]:
    """Read the paths of a manifest: URLs, or file paths, of which relative ones are relative to the manifest's folder.

    `.jsonl` and `.ndjson` hold an object a line, with the key `file` or `path`; anything else is CSV
    (`.tsv`: tabs) with a column `file` or `path`, else its first column. A first line that already
    names an audio file is no header.

    Raises:
        SerBatchError: the manifest cannot be read, or a line is malformed.
    """
    path = os.fspath(path)
    entries = _json_entries if suffix(path) in {".jsonl", ".ndjson"} else _csv_entries
    folder = Path(path).parent
    for line, entry in entries(path):
        if not isinstance(entry, str) or not entry.strip():
            raise SerBatchError(f"{path}, line {line}: no path: give each line a file")
        yield entry if is_url(entry) else str(folder / entry)


def read_csv(path: str) -> Iterator[tuple[int, list[str]]]:
    """Read line number and cells of each row of a CSV that is not blank; short rows get empty cells.

    Raises:
        SerBatchError: the file cannot be read, or is not CSV.
    """
    delimiter = "\t" if suffix(path) == ".tsv" else ","
    rows = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    width = 0
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                width = width or len(row)
                yield rows.line_num, row + [""] * (width - len(row))
    except csv.Error as error:
        raise SerBatchError(f"{path}, line {rows.line_num}: not valid CSV ({error})") from error


def column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the index of the first of `names` that a CSV header has, in upper or lower case; None if it has none."""
    cleaned = [cell.strip().lower() for cell in header]
    return next((cleaned.index(name) for name in names if name in cleaned), None)


def _csv_entries(path: str) -> Iterator[tuple[int, str]]:
    place = 0
    for number, (line, row) in enumerate(read_csv(path)):
        if number == 0:
            named = column(row, MANIFEST_COLUMNS)
            place = named or 0
            if named is not None or not is_audio(row[0]):
                continue
        yield line, row[place]


def _json_entries(path: str) -> Iterator[tuple[int, object]]:
    for line, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SerBatchError(f"{path}, line {line}: not valid JSON ({error})") from error
        if not isinstance(entry, dict):
            raise SerBatchError(f'{path}, line {line}: not an object such as {{"file": "a.wav"}}')
        yield line, next((entry[key] for key in MANIFEST_COLUMNS if key in entry), None)


def _lines(path: str) -> Iterator[str]:
    try:
        # surrogateescape: keeps the bytes of paths that are not UTF-8
        with Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            for number, line in enumerate(iter(partial(stream.readline, LONGEST_LINE), ""), start=1):
                if "\0" in line or len(line) == LONGEST_LINE:
                    raise SerBatchError(f"{path}, line {number}: {BINARY}")
                yield line
    except OSError as error:
        raise SerBatchError(f"{path}: cannot be read: {error.strerror}") from error
