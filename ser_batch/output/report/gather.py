"""Data of the report, read from the tables of an output folder in one pass each: tables can have any length."""

import csv
import heapq
import json
import os
from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from contextlib import contextmanager
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ser_batch.errors import SerBatchError

FILES = 20_000  # most files with a label on the page: the least certain
OTHERS = 2_000  # most files without a label, and most failures
SEGMENTS = 400_000  # most segments, those of the least certain files: about 12 MB


def gather(folder: Path, place: Path, audio: str | None = None) -> dict[str, Any]:
    """Read the data of `folder` for a page in the folder `place`: JSON types, mostly small integers.

    `audio` is the folder or the URL of the recordings, if they are not where they were annotated.

    - `kinds`: the labels in the order of the probabilities, then each status of rows without a label.
    - `files`: `[name, milliseconds, kind, speech ratio, *probabilities]`, the last in ten-thousandths.
    - `segments`: for each file one flat list of `start, end, kind, *probabilities`, in milliseconds and hundredths.
    - `speech`: for each file one flat list of `start, end` of its stretches of speech, in milliseconds.
    - `totals`: over all files, also those that are not on the page; `files` and `seconds` for each kind.

    Raises:
        SerBatchError: a table is missing or damaged.
    """
    with _table_errors(folder):
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        labels, kinds, n_files, kept, stretches = _files(folder / "files.csv")
        timed = _within_budget(kept)
        n_segments, seconds = _segments(folder / "segments.csv", len(labels), kinds, timed)
        speech = _speech(folder / "speech.csv", timed)
        n_failed, failures = _failures(folder / "failures.csv")
    return {
        "folder": folder.resolve().name,
        "labels": labels,
        "kinds": list(kinds),
        "run": run,
        "root": _link(audio or run.get("root"), place),
        "moved": bool(audio),
        "totals": {
            "files": [n_files[kind] for kind in range(len(kinds))],
            "seconds": [round(seconds[kind], 1) for kind in range(len(kinds))],
            "segments": n_segments,
            "failed": n_failed,
        },
        "files": [_file(cells, len(labels), kinds, stretches) for cells in kept],
        "segments": [
            _of_stretch(timed.get(cells[0], []), cells, len(labels)) if stretches else timed.get(cells[0], [])
            for cells in kept
        ],
        "speech": [
            _of_stretch(speech[cells[0]], cells, -1) if stretches else speech[cells[0]] for cells in kept
        ],
        "failures": failures,
    }


def least_certain(folder: Path, n: int) -> list[str]:
    """Names of the `n` files with the lowest confidence.

    Raises:
        SerBatchError: the table is missing or damaged.
    """
    with _table_errors(folder):
        rows = _rows(folder / "files.csv")
        next(rows)
        lowest = heapq.nsmallest(n, ((float(cells[4]), cells[0]) for cells in rows if cells[4]))
    return [name for _, name in lowest]


def moved(name: str, root: str | None) -> str:
    """The path of a recording below the folder of all recordings; names are absolute with `annotate --absolute`."""
    return name.removeprefix(f"{root}/".replace("//", "/")).lstrip("/") if name.startswith("/") else name


@contextmanager
def _table_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SerBatchError(
            f"{folder}: there is no {Path(error.filename).name} in it: run the same `ser-batch annotate` again with "
            "-f csv; finished files are not annotated again"
        ) from error
    except (ValueError, IndexError, KeyError, StopIteration, csv.Error) as error:
        raise SerBatchError(
            f"{folder}: its tables are damaged ({error}): run the same `ser-batch annotate` again; finished files "
            "are not annotated again"
        ) from error


def _rows(path: Path) -> Iterator[list[str]]:
    """The header, then the rows."""
    with path.open(newline="", encoding="utf-8") as lines:
        yield from csv.reader(lines)


def _files(path: Path) -> tuple[list[str], dict[str, int], Counter[int], list[list[str]], bool]:
    """Labels, kinds by name, number of files of each kind, the rows for the page, and whether they are stretches."""
    rows = _rows(path)
    columns = next(rows)
    labels = [column[2:] for column in columns if column.startswith("p_")]
    kinds = {label: kind for kind, label in enumerate(labels)}
    counts: Counter[int] = Counter()
    unlabelled: list[tuple[float, int, list[str]]] = []

    def labelled() -> Iterator[tuple[float, int, list[str]]]:
        for position, cells in enumerate(rows):
            counts[_kind(cells, len(labels), kinds)] += 1
            if cells[4]:
                yield float(cells[4]), position, cells
            elif len(unlabelled) < OTHERS:
                unlabelled.append((1.0, position, cells))

    least_certain = heapq.nsmallest(FILES, labelled())
    kept = sorted(least_certain + unlabelled, key=itemgetter(1))
    return labels, kinds, counts, [cells for _, _, cells in kept], columns[-1] == "end"


def _kind(cells: list[str], n_labels: int, kinds: dict[str, int]) -> int:
    """The kind of a row of either table: its label, or its status without a label."""
    return kinds.setdefault(cells[3] or cells[6 + n_labels], len(kinds))


def _file(cells: list[str], n_labels: int, kinds: dict[str, int], stretches: bool) -> list[Any]:
    length = (cells[-1] if stretches else "") or cells[1]  # the page draws a stretch at its time in the file
    shares = [round(float(cell or 0) * 10_000) for cell in (cells[5 + n_labels], *cells[5 : 5 + n_labels])]
    return [cells[0], round(float(length) * 1000), _kind(cells, n_labels, kinds), *shares]


def _within_budget(kept: list[list[str]]) -> dict[str, list[int]]:
    """An empty list for each file whose segments fit on the page, the least certain files first."""
    left = SEGMENTS
    names: dict[str, list[int]] = {}
    for cells in sorted(kept, key=lambda cells: float(cells[4] or 1)):
        left -= int(cells[2])
        if left < 0:
            break
        names[cells[0]] = []
    return names


def _segments(
    path: Path, n_labels: int, kinds: dict[str, int], timed: dict[str, list[int]]
) -> tuple[int, dict[int, float]]:
    """Count segments and the seconds of each kind; add the segments of the files in `timed` to it.

    Two overlapping windows get half of the shared time each.
    """
    rows = _rows(path)
    next(rows)
    n_segments = 0
    seconds: defaultdict[int, float] = defaultdict(float)
    for name, group in groupby(rows, itemgetter(0)):
        times, found = [], []
        for cells in group:
            times.append((float(cells[1]), float(cells[2])))
            found.append(_kind(cells, n_labels, kinds))
            if name in timed:
                start, end = times[-1]
                shares = [round(float(cell or 0) * 100) for cell in cells[5 : 5 + n_labels]]
                timed[name] += [round(start * 1000), round(end * 1000), found[-1], *shares]
        edges = [times[0][0], *((a[1] + b[0]) / 2 for a, b in pairwise(times)), times[-1][1]]
        for kind, (start, end), (left, right) in zip(found, times, pairwise(edges), strict=True):
            seconds[kind] += min(end, right) - max(start, left)  # without the gaps between stretches
        n_segments += len(times)
    return n_segments, seconds


def _speech(path: Path, timed: Container[str]) -> defaultdict[str, list[int]]:
    """Start and end of each stretch of speech, one after the other, in milliseconds, of the files in `timed`."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    if path.exists():  # else it is the output of an earlier version
        rows = _rows(path)
        next(rows)
        for name, start, end in rows:
            if name in timed:
                found[name] += [round(float(start) * 1000), round(float(end) * 1000)]
    return found


def _of_stretch(segments: list[int], cells: list[str], n_labels: int) -> list[int]:
    """The segments of a file that are in the stretch of a row, whose last columns are `start` and `end`.

    With -1 for `n_labels`, the stretches of speech: they have neither kind nor probabilities.
    """
    if not cells[-1]:
        return segments
    start, end = (round(float(cell) * 1000) for cell in cells[-2:])
    width = 3 + n_labels
    rows = (segments[k : k + width] for k in range(0, len(segments), width))
    return [value for row in rows if start <= row[0] and row[1] <= end for value in row]


def _failures(path: Path) -> tuple[int, list[list[str]]]:
    """The number of failures, and the first of them."""
    rows = _rows(path)
    next(rows)
    first: list[list[str]] = []
    n_failed = 0
    for cells in rows:
        n_failed += 1
        if len(first) < OTHERS:
            first.append(cells)
    return n_failed, first


def _link(root: str | None, place: Path) -> str | None:
    """The URL of the folder of the recordings, or None where a browser cannot reach it.

    Local folders are relative to the page: the links then work from disk and from a server.
    """
    if not root or "://" in root:
        return root if root and root.startswith("http") else None
    return quote(os.fsencode(os.path.relpath(root, place)))
