"""Annotation of files into a DataFrame or an output folder; merging and reports of output folders."""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ser_batch.api.paths import PathLike, listed
from ser_batch.errors import SerBatchError, UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from ser_batch.engine.job import Options
    from ser_batch.model.bundle import Bundle
    from ser_batch.runs.dataframe import DataFrameBuilder
    from ser_batch.runs.progress import Progress
    from ser_batch.runs.summary import Summary

FOLDER_OPTIONS = {"formats", "restart", "retry_failed", "shard", "work_dir", "any_root"}


def annotate(
    paths: PathLike | Iterable[PathLike],
    output: PathLike | None = None,
    *,
    level: Literal["segments", "files"] = "segments",
    progress: bool = False,
    **options: Any,
) -> "DataFrame":
    """Label the emotion in files; return the rows of `segments.csv` or `files.csv` as a DataFrame.

    >>> import ser_batch
    >>> segments = ser_batch.annotate("samples/diary")
    >>> segments.columns.to_list()[:3]
    ['label', 'confidence', 'p_angry']
    >>> segments.loc["pause.wav"].index.to_list()[-1]
    (Timedelta('0 days 00:00:01.500000'), Timedelta('0 days 00:00:04.475812'))
    >>> segments.attrs["counts"]["failed"]
    0

    Args:
        paths: one or several files, folders or URLs, for example a column of a DataFrame.
        output: folder for the tables, or its URL; an unfinished run in it is resumed. By default nothing is written.
        level: one row for each segment, or for each file.
        progress: show a bar, in a notebook or on a terminal.
        options: the fields of `ser_batch.engine.job.Options`, such as `model`, `jobs`, `hop` in seconds, `include`,
            `absolute`.

    Returns:
        Rows sorted by `file` and `start`. The index is that of audformat: `file`, `start` and `end` (Timedelta) for
        segments, `file` for files. Paths are relative to the common folder of all files, or absolute with
        `absolute=True`. The columns are those of the tables, `label` and `status` as categories; silence has no label
        and NaN instead of numbers. `attrs` has `root`, `model`, `model_sha256`, the first 1,000 `failures` as
        dictionaries of `file`, `stage`, `error` and `message`, and the summary of `run.json`: `counts`, `labels`,
        `audio_seconds`, `wall_seconds` and more.

    Raises:
        SerBatchError: no file could be annotated, or more files failed than `max_failures` allows.
        KeyboardInterrupt: Ctrl-C; with `output`, the same call resumes the run.

    Warns:
        UserWarning: some files failed, or the model was trained with another `denoise`.
    """
    from ser_batch.engine.job import Options
    from ser_batch.model.bundle import load_bundle
    from ser_batch.output.schema import Schema
    from ser_batch.runs.dataframe import DataFrameBuilder
    from ser_batch.runs.in_memory import annotate_in_memory

    if level not in ("segments", "files"):
        raise UsageError(f"level {level!r}: unknown: choose segments or files")
    asked = Options(**options)
    bundle = load_bundle(asked.model)
    frame = DataFrameBuilder(Schema(bundle.labels, asked.top_k), level == "segments")
    if output is not None:
        summary = _run(paths, output, asked, _shown(progress), frame)
    elif needless := FOLDER_OPTIONS & options.keys():
        raise UsageError(
            f"{', '.join(sorted(needless))}: only with a folder for the tables: name one as output"
        )
    else:
        summary = annotate_in_memory(
            [os.fspath(path) for path in listed(paths)], asked, _shown(progress), frame
        )
    if summary.interrupted:
        raise KeyboardInterrupt
    if summary.stopped:
        raise SerBatchError(f"stopped: {summary.stopped}")
    return _finished(frame, bundle, summary)


def annotate_to(paths: PathLike | Iterable[PathLike], output: PathLike, **options: Any) -> "Summary":
    """Label the emotion in files and write only an output folder: for archives whose rows do not fit into memory.

    Args:
        paths: as for `annotate`.
        output: folder for the tables, or its URL; an unfinished run in it is resumed.
        options: the fields of `ser_batch.engine.job.Options`.

    Returns:
        Counts of files, segments, labels and failures, and `exit_code`.

    Raises:
        SerBatchError: no file could be annotated. Files that fail are in `failures.csv` and raise nothing.
    """
    from ser_batch.engine.job import Options

    return _run(paths, output, Options(**options), _shown(False))


def merge(
    folders: PathLike | Sequence[PathLike], output: PathLike | None = None, **options: Any
) -> "Summary":
    """Join the shards of `annotate(shard=…)` into the tables of one run; the command `ser-batch merge`.

    Args:
        folders: output folders of the shards.
        output: folder for the tables; by default the first of `folders`.
        options: the other arguments of `ser_batch.runs.merging.merge`.

    Raises:
        SerBatchError: shards are missing, or do not belong together.
    """
    from ser_batch.runs.merging import merge as join

    parts = [Path(folder) for folder in listed(folders)]
    return join(parts, Path(output) if output else parts[0], **options)


def report(
    folder: PathLike, output: PathLike | None = None, *, audio: PathLike | None = None, embed: int = 0
) -> Path:
    """Write one HTML page that shows the annotations in an output folder; the command `ser-batch report`.

    Args:
        folder: with files.csv, segments.csv, failures.csv and run.json.
        output: the page; by default report.html in the folder.
        audio: folder or URL of the recordings, if they are not where they were annotated.
        embed: number of files whose audio is put into the page, the least certain first, at most 60 s of each.

    Returns:
        The path of the page.

    Raises:
        SerBatchError: a table is missing or damaged, no recording for `embed` can be read, or the page cannot be
            written.

    Warns:
        UserWarning: some recordings for `embed` cannot be read.
    """
    from ser_batch.output.report.page import write_report
    from ser_batch.runs.report_audio import embedded_audio

    place = os.fspath(audio) if audio else None
    sounds, unreadable = embedded_audio(Path(folder), embed, place) if embed else ({}, [])
    for message in unreadable:
        warnings.warn(message, stacklevel=2)
    return write_report(Path(folder), Path(output) if output else None, place, sounds)


def _run(
    paths: PathLike | Iterable[PathLike],
    output: PathLike,
    options: "Options",
    progress: "Progress",
    frame: "DataFrameBuilder | None" = None,
) -> "Summary":
    from ser_batch.runs.mirror import mirrored_output
    from ser_batch.runs.run import run

    with mirrored_output(os.fspath(output), options) as folder:
        return run([os.fspath(path) for path in listed(paths)], folder, options, progress, frame)


def _finished(frame: "DataFrameBuilder", bundle: "Bundle", summary: "Summary") -> "DataFrame":
    """The DataFrame with its `attrs`; a warning tells about failed files."""
    from ser_batch.runs import run_json

    if summary.failed:
        first = frame.failures[0]
        warnings.warn(
            f"{summary.failed} of {summary.failed + summary.files} files failed, see attrs['failures']; "
            f"the first: {first['file']}: {first['stage']}: {first['message']}",
            stacklevel=3,
        )
    made = frame.build()
    made.attrs = {
        "root": summary.root,
        "model": bundle.name,
        "model_sha256": bundle.sha256,
        **run_json.summary_fields(summary),
        "failures": frame.failures,
    }
    return made


def _shown(progress: bool) -> "Progress":
    from ser_batch.api.progress import Bar

    return Bar(progress)
