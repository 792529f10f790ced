"""Tables that name files: CSV, JSON lines, and Kaldi's `wav.scp` and `segments`, in the spellings of other programs."""

import codecs
import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from ser_batch.errors import SerBatchError
from ser_batch.inputs.suffixes import is_audio, suffix

# Names of the columns of tables, and the names that other programs give them, the preferred one first.
COLUMNS = {
    "file": (
        *("file", "path", "audio_filepath", "filepath", "file_path", "filename", "file_name"),
        *("audio_path", "audio_file", "audio", "wav_path", "wav_file", "wav_filename", "wav"),
    ),
    "label": ("label", "emotion"),
    "start": ("start", "begin", "onset", "start_time", "begin_time", "begin time - ss.msec", "offset"),
    "end": ("end", "stop", "end_time", "stop_time", "end time - ss.msec", "offset"),
    "duration": ("duration",),
    "speaker": (
        *("speaker", "speaker_id", "speakerid", "spk", "spk_id", "spkid", "actor", "actor_id", "actorid"),
        *("subject", "subject_id", "participant", "participant_id", "client_id"),
    ),
}
LONGEST_LINE = 1 << 20  # characters; binary data may have no line ends
BINARY = "binary data, or UTF-16 without a byte-order mark: give audio files as arguments, or save the list as UTF-8"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = dict[str, Any]


def read_table(
    path: str, needed: Sequence[str], optional: Sequence[str] = (), manifest: bool = False
) -> Iterator[tuple[int, Row]]:
    """Read line number and cells, by column, of each row of a table that is not blank.

    JSON lines (as NeMo's manifests) begin with `{`; `wav.scp` or another `.scp`, and `segments` beside it, are Kaldi's;
    everything else is CSV, separated by commas, semicolons or tabs. The encoding is UTF-8, or UTF-16 with a byte-order
    mark.

    Args:
        path: of the table.
        needed: columns that it must have, by the names of `COLUMNS` or their own.
        optional: columns that are renamed, too, if it has them under one of the names of `COLUMNS`.
        manifest: the first column has the files if none is named so, and paths need not be UTF-8.

    Raises:
        SerBatchError: the table cannot be read, is malformed, or has not the columns.
    """
    lines = _lines(path, utf8=not manifest)
    first = next((numbered for numbered in lines if numbered[1].strip()), (1, ""))
    lines = chain([first], lines)
    if suffix(path) == ".scp":
        rows = _kaldi_rows(path, lines)
    elif os.path.basename(path) == "segments":
        rows = _kaldi_segments(path, lines)
    elif re.match(r'\s*\{\s*"', first[1]) or suffix(path) in {".jsonl", ".ndjson", ".json"}:
        rows = _json_rows(path, lines)
    else:
        rows = _csv_rows(path, lines, needed, manifest)
    for line, row in rows:
        names = _names(tuple(row), (*needed, *optional))
        yield line, {names.get(name, name): cell for name, cell in row.items()}


@cache
def _names(header: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Return the standard names of the columns of a header, for those that have one of `wanted`."""
    spelled = {cell.strip().lower(): cell for cell in reversed(header)}
    found: dict[str, str | None] = {}
    for name in wanted:
        names = (each for each in COLUMNS.get(name, (name,)) if each not in found.values())
        found[name] = next(filter(spelled.get, names), None)
    return {cell: cell.strip() for cell in header} | {
        spelled[known]: name for name, known in found.items() if known
    }


def is_unicode(text: str) -> bool:
    """Tell whether a text has no bytes that are not UTF-8 (which are lone surrogates in it)."""
    return text.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in text)


def not_utf8(path: str, line: int) -> SerBatchError:
    """Return the error of a line in another encoding."""
    return SerBatchError(f"{path}, line {line}: not UTF-8: save it as CSV UTF-8")


def _csv_rows(
    path: str, lines: Iterator[tuple[int, str]], needed: Sequence[str], manifest: bool
) -> Iterator[tuple[int, Row]]:
    number, first = next(lines)
    stated = re.fullmatch(r'"?sep=(.)"?\s*', first)  # Excel's first line
    if stated:
        number, first = next(lines, (number, ""))
    separator = stated[1] if stated else _separator(path, first, needed)
    # a blank after each separator of the header is no part of the cells below either
    blanks = f"{separator} " in first
    texts = (text for _, text in chain([(number, first)], lines))
    rows = csv.reader(texts, delimiter=separator, strict=True, skipinitialspace=blanks)
    header: list[str] = []
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            is_header = not header
            if is_header:
                header = row
                if not _has(row, needed):
                    if not manifest:
                        break
                    header = ["file", *map(str, range(1, len(row)))]
                    is_header = not is_audio(row[0].strip())
            if not is_header:
                padded = row + [""] * (len(header) - len(row))
                yield rows.line_num + number - 1, dict(zip(header, padded, strict=False))
    except csv.Error as error:
        raise SerBatchError(
            f"{path}, line {rows.line_num + number - 1}: not valid CSV ({error}): correct the line"
        ) from error
    if not _has(header, needed) and not manifest:
        raise SerBatchError(f"{path}: no columns {','.join(needed)}: name them in the first line")


def _has(header: Sequence[str], needed: Sequence[str]) -> bool:
    return set(needed) <= set(_names(tuple(header), needed).values())


def _separator(path: str, first: str, needed: Sequence[str]) -> str:
    """Return the separator by which the first line is a header with the needed columns, or begins with an audio file.

    `csv.Sniffer` does not serve here: in a table of one column it takes a letter for the separator.
    """
    separators = ("\t", ",", ";") if suffix(path) == ".tsv" else (",", ";", "\t")
    for separator in separators:
        with suppress(csv.Error):  # it is raised again when the rows are read
            cells = next(csv.reader([first], delimiter=separator, skipinitialspace=True), [])
            if (needed and _has(cells, needed)) or is_audio("".join(cells[:1]).strip()):
                return separator
    return max(separators, key=first.count)


def _json_rows(path: str, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Row]]:
    for line, text in lines:
        if not text.strip():
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SerBatchError(f"{path}, line {line}: not valid JSON ({error}): correct the line") from error
        if not isinstance(entry, dict):
            raise SerBatchError(f'{path}, line {line}: not an object: write {{"file": "a.wav"}}')
        yield line, entry


def _kaldi_rows(path: str, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Row]]:
    for line, text in lines:
        name, file = [*text.split(maxsplit=1), "", ""][:2]
        if file.rstrip().endswith("|"):
            raise SerBatchError(f"{path}, line {line}: a command, not a file: run it, and list its output")
        if text.strip():
            yield line, {"recording": name, "file": file.strip()}


def _kaldi_segments(path: str, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Row]]:
    """Read `utterance recording start end`, with the files of the recordings in `wav.scp` beside it."""
    scp = os.path.join(os.path.dirname(path), "wav.scp")
    recordings = {row["recording"]: row["file"] for _, row in read_table(scp, ("file",), manifest=True)}
    for line, text in lines:
        cells = text.split()
        if not cells:
            continue
        if len(cells) != 4 or cells[1] not in recordings:
            raise SerBatchError(
                f"{path}, line {line}: not utterance, recording, start and end, with the recording in {scp}"
            )
        yield line, {"file": recordings[cells[1]], "start": cells[2], "end": cells[3]}


def _lines(path: str, utf8: bool) -> Iterator[tuple[int, str]]:
    """Read the numbered lines of a table; `utf8` refuses bytes that are not UTF-8."""
    try:
        with Path(path).open("rb") as binary:
            encoding = "utf-16" if binary.read(2) in UTF_16 else "utf-8-sig"
        # surrogateescape: keeps the bytes of paths that are not UTF-8
        with Path(path).open(encoding=encoding, errors="surrogateescape", newline="") as stream:
            for number, line in enumerate(iter(partial(stream.readline, LONGEST_LINE), ""), start=1):
                if "\0" in line or len(line) == LONGEST_LINE:
                    raise SerBatchError(f"{path}, line {number}: {BINARY}")
                if utf8 and not is_unicode(line):
                    raise not_utf8(path, number)
                yield number, line
    except UnicodeError as error:
        raise SerBatchError(f"{path}: not valid UTF-16: save it as CSV UTF-8") from error
    except OSError as error:
        raise SerBatchError(f"{path}: cannot be read ({error.strerror}): check the path") from error
