"""Audit and calibration of a finished run of `annotate`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ser_batch.api.paths import PathLike, listed


def audit(
    folder: PathLike,
    output: PathLike | None = None,
    *,
    n: int = 60,
    level: str | None = None,
    seed: int = 0,
    names: bool = False,
) -> Path:
    """Write a page with a sample of an archive to listen to, without the predicted labels; `ser-batch audit`.

    Args:
        folder: output folder of `annotate` or `merge`; the recordings must be where they were.
        output: the page; by default audit.html in the folder.
        n: recordings in the sample.
        level: `files` or `segments`; by default files, or segments if files have more than ten on average.
        seed: of the sample; the same seed draws the same sample from the same archive.
        names: show the names of the files.

    Returns:
        Path of the page.

    Raises:
        SerBatchError: the folder holds no finished run, a recording cannot be read, or the page cannot be written.
    """
    from ser_batch.output.audit.page import write_audit
    from ser_batch.runs.auditing import draw_items, level_of
    from ser_batch.runs.finished import FinishedRun

    run = FinishedRun(Path(folder))
    page = Path(output) if output else Path(folder) / "audit.html"
    items = draw_items(run, n, level_of(run, level), seed)
    write_audit(page, run.folder.resolve().name, run.labels, items, names)
    return page


def audit_on_terminal(
    folder: PathLike,
    output: PathLike | None,
    listener: str,
    key: Callable[[], str],
    say: Callable[[str], None],
    *,
    n: int = 60,
    level: str | None = None,
    seed: int = 0,
) -> tuple[Path, int]:
    """Play a sample and label it by keys; `ser-batch audit --terminal`.

    Args:
        folder: as for `audit`.
        output: CSV of the answers; by default audit.csv in the folder.
        listener: name of the listener.
        key: waits for a key and returns it.
        say: shows a line.
        n: as for `audit`.
        level: as for `audit`.
        seed: as for `audit`.

    Returns:
        Path of the answers, and how many recordings are still to be labelled.

    Raises:
        SerBatchError: as for `audit`; or no player was found.
    """
    from ser_batch.output.audit.terminal import listen
    from ser_batch.runs.auditing import draw_items, level_of
    from ser_batch.runs.finished import FinishedRun

    run = FinishedRun(Path(folder))
    answers = Path(output) if output else Path(folder) / "audit.csv"
    items = draw_items(run, n, level_of(run, level), seed)
    return answers, listen(items, run.labels, answers, listener, key, say)


def calibrate(
    folder: PathLike, labels: PathLike | Iterable[PathLike], output: PathLike | None = None
) -> dict[str, Any]:
    """Estimate what the labels of an archive are worth, and calibrate them; what `ser-batch calibrate` does.

    Args:
        folder: output folder of `annotate` or `merge`.
        labels: CSV files with the columns file, label, and perhaps start, end and listener.
        output: file for the calibration alone; by default calibration.json in the folder, and its tables anew.

    Returns:
        What is in calibration.json. Estimates are `[value, low, high]`, with 95 % intervals, for the whole archive;
        `before` and `after` the calibration, the latter cross-validated.

    Raises:
        SerBatchError: the folder holds no finished run, or the answers cannot be read or are too few.
    """
    from ser_batch.runs.calibrating import calibrate_run

    paths = [Path(path) for path in listed(labels)]
    return calibrate_run(Path(folder), paths, Path(output) if output else None)


def uncalibrate(folder: PathLike) -> None:
    """Remove the calibration of a folder, and write its tables without it; `ser-batch calibrate DIR --undo`.

    Raises:
        SerBatchError: the folder is not calibrated, or cannot be written.
    """
    from ser_batch.runs.calibrating import undo

    undo(Path(folder))
