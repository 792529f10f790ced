"""Writing the tables of a run from the results in its journal."""

import shutil
from collections.abc import Callable, Iterable, Sequence

from ser_batch.engine.job import Options
from ser_batch.engine.result import Annotation, Failure, Outcome
from ser_batch.errors import UsageError
from ser_batch.extras import EXTRAS, require
from ser_batch.output.csv_table import CsvTable
from ser_batch.output.formats import FORMATS, Writer, maker
from ser_batch.output.schema import NO_SPEECH, SILENT, FileRow, Schema
from ser_batch.runs.dataframe import DataFrameBuilder
from ser_batch.runs.rows import rows
from ser_batch.runs.summary import Summary
from ser_batch.stretches import is_stretch, split


def check_formats(formats: Iterable[str]) -> None:
    """Check that the formats can be written, before hours of work.

    Raises:
        UsageError: an unknown format, or one whose package is missing.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise UsageError(f"--format {kind}: unknown: choose from {', '.join(FORMATS)}")
        if kind in EXTRAS:
            require(f"--format {kind}", kind)


def write_tables(
    results: Iterable[tuple[str, Outcome]],
    name: Callable[[str], str],
    labels: Sequence[str],
    options: Options,
    summary: Summary,
    frame: DataFrameBuilder | None = None,
) -> None:
    """Write every format into the folder of the summary, and count files and segments in it.

    Args:
        results: path and outcome of every input, sorted by path; consumed one at a time.
        name: the function from a path to its name in the tables.
        labels: the emotions, in the order of the probabilities.
        options: the formats, and what shapes the rows.
        summary: its folder is used, its counts are increased.
        frame: receives the rows, too.

    Raises:
        OSError: a table cannot be written; the earlier ones are as they were.
    """
    folder = summary.folder
    schema = Schema(labels, options.top_k, options.stretches)
    try:
        writers = [maker(kind)(folder, schema) for kind in dict.fromkeys(options.formats)]
        failures = CsvTable(folder / "failures.csv", schema.failure_columns)

        def fail(name: str, *values: str) -> None:
            file, start, end = split(name)
            times = (start, end) if is_stretch(name) else (None, None)
            failures.write((file, *values, *times[: len(schema.stretch_columns)]))
            if frame:
                frame.fail(file, *values)

        write_rows(results, name, labels, options, summary, [*writers, *([frame] if frame else [])], fail)
        for writer in writers:
            writer.close()
        failures.close()
    except BaseException:
        for partial in folder.glob("*.partial"):  # frees a full disk
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
        raise


def write_rows(
    results: Iterable[tuple[str, Outcome]],
    name: Callable[[str], str],
    labels: Sequence[str],
    options: Options,
    summary: Summary,
    writers: Sequence[Writer | DataFrameBuilder],
    fail: Callable[[str, str, str, str], None],
) -> None:
    """Pass the rows of each file to all `writers`, and each failure to `fail`; count both in the summary."""
    for path, outcome in results:
        if isinstance(outcome, Failure):
            fail(name(path), outcome.stage, outcome.error, outcome.message)
            summary.failed += 1
            continue
        file, segments = rows(name(path), outcome, labels, options)
        for writer in writers:
            writer.write(file, segments)
        count(file, outcome, summary)


def count(file: FileRow, annotation: Annotation, summary: Summary) -> None:
    """Add a file to the counts of the summary."""
    summary.files += 1
    summary.segments += file.n_segments
    summary.audio_seconds += file.duration
    summary.channels_cancel += annotation.channels_cancel
    if file.emotion.label is not None:
        summary.labels[file.emotion.label] += 1
    elif file.emotion.status == SILENT:
        summary.silent += 1
    elif file.emotion.status == NO_SPEECH:
        summary.no_speech += 1
    else:
        summary.uncertain += 1
