"""What the page shows, gathered from the tables of an annotate folder in one pass each: they may be of any length."""

import csv
import heapq
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ser_batch.errors import SerBatchError

FILES = 20_000  # that the page holds: the least certain
OTHERS = 2_000  # files without a label that it holds besides, and failures
SEGMENTS = 400_000  # that it holds, of the least certain files: some 12 MB


def gather(folder: Path, place: Path) -> dict[str, Any]:
    """What is in `folder`, for a page that lies in the folder `place`, in JSON's types and mostly small integers.

    `kinds` are the labels in the order of the probabilities, then whatever status rows without a label have; `files`
    are `[name, milliseconds, kind, speech ratio, *probabilities]` in ten-thousandths; `segments` are, for each file,
    `[start, end, kind, *probabilities]` one after the other, in milliseconds and hundredths. `totals` are over
    everything, `files` and `seconds` for each kind.

    Raises:
        SerBatchError: a table is missing or damaged.
    """
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        labels, kinds, n_files, kept = _files(folder / "files.csv")
        timed = _within_budget(kept)
        n_segments, seconds = _segments(folder / "segments.csv", len(labels), kinds, timed)
        n_failed, failures = _failures(folder / "failures.csv")
    except FileNotFoundError as error:
        raise SerBatchError(
            f"no {Path(error.filename).name} in {folder}: run `ser-batch annotate` into that folder with -f csv; "
            "if it has been run without, it resumes at once"
        ) from error
    except (ValueError, IndexError, KeyError, StopIteration, csv.Error) as error:
        raise SerBatchError(
            f"{folder} does not hold what `ser-batch annotate` wrote ({error}): run it again, it resumes at once"
        ) from error
    return {
        "folder": folder.resolve().name,
        "labels": labels,
        "kinds": list(kinds),
        "run": run,
        "root": _link(run.get("root"), place),
        "totals": {
            "files": [n_files[kind] for kind in range(len(kinds))],
            "seconds": [round(seconds[kind], 1) for kind in range(len(kinds))],
            "segments": n_segments,
            "failed": n_failed,
        },
        "files": [_file(cells, len(labels), kinds) for cells in kept],
        "segments": [timed.get(cells[0], []) for cells in kept],
        "failures": failures,
    }


def _rows(path: Path) -> Iterator[list[str]]:
    """The header, then the rows."""
    with path.open(newline="", encoding="utf-8") as lines:
        yield from csv.reader(lines)


def _files(path: Path) -> tuple[list[str], dict[str, int], Counter[int], list[list[str]]]:
    """Labels, kinds by name, number of files of each, and the rows that are kept, in their order."""
    rows = _rows(path)
    labels = [column[2:] for column in next(rows) if column.startswith("p_")]
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
    return labels, kinds, counts, [cells for _, _, cells in kept]


def _kind(cells: list[str], n_labels: int, kinds: dict[str, int]) -> int:
    """The kind of a row of either table: its label, or its status if it has none."""
    return kinds.setdefault(cells[3] or cells[6 + n_labels], len(kinds))


def _file(cells: list[str], n_labels: int, kinds: dict[str, int]) -> list[Any]:
    shares = [round(float(cell or 0) * 10_000) for cell in (cells[5 + n_labels], *cells[5 : 5 + n_labels])]
    return [cells[0], round(float(cells[1]) * 1000), _kind(cells, n_labels, kinds), *shares]


def _within_budget(kept: list[list[str]]) -> dict[str, list[int]]:
    """Names of the files whose segments the page has room for, the least certain first; no segments yet."""
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
    """Count segments, and the seconds of each kind; put into `timed` the segments of the files that it names.

    Windows that overlap share that time half and half.
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
        for kind, (start, end) in zip(found, pairwise(edges), strict=True):
            seconds[kind] += end - start
        n_segments += len(times)
    return n_segments, seconds


def _failures(path: Path) -> tuple[int, list[list[str]]]:
    """How many there are, and the first of them."""
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
    """The address of the folder of the recordings: relative to the page, so that it works from disk and from a server.

    None if a browser cannot reach it.
    """
    if not root or "://" in root:
        return root if root and root.startswith("http") else None
    return quote(os.fsencode(os.path.relpath(root, place)))
