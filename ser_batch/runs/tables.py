"""From the journal to the tables."""

import shutil
from collections.abc import Callable, Iterable, Sequence

from ser_batch.engine.job import RowOptions
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import UsageError
from ser_batch.output.csv_table import CsvTable
from ser_batch.output.formats import FORMATS, Writer, maker
from ser_batch.output.schema import FAILURE_COLUMNS, SILENT, FileRow, Schema
from ser_batch.runs.dataframe import DataFrameBuilder
from ser_batch.runs.rows import rows
from ser_batch.runs.summary import Summary


def check_formats(formats: Iterable[str]) -> None:
    """Make sure that formats can be written, before hours of work.

    Raises:
        UsageError: there is no such format, or it needs an extra.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise UsageError(f"unknown format {kind!r}: choose from {', '.join(FORMATS)}")
        try:
            maker(kind)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the format {kind} needs {error.name}: pip install 'ser-batch[{kind}]'"
            ) from error


def write_tables(
    results: Iterable[tuple[str, Outcome]],
    name: Callable[[str], str],
    labels: Sequence[str],
    formats: Sequence[str],
    summary: Summary,
    view: RowOptions | None = None,
    frame: DataFrameBuilder | None = None,
) -> None:
    """Write every format from results sorted by path, and count what is in them.

    Args:
        results: path and outcome of every input; taken one at a time.
        name: what the tables call a path.
        labels: the emotions, in the order of the probabilities.
        formats: names in `ser_batch.output.formats.FORMATS`.
        summary: the folder, and the counts, which are added to.
        view: how the results are shown.
        frame: takes the rows, too.

    Raises:
        OSError: a table cannot be written; the earlier ones are as they were.
    """
    folder = summary.folder
    view = view or RowOptions()
    schema = Schema(labels, view.top_k)
    try:
        writers = [maker(kind)(folder, schema) for kind in dict.fromkeys(formats)]
        failures = CsvTable(folder / "failures.csv", FAILURE_COLUMNS)

        def failed(*values: str) -> None:
            failures.write(values)
            if frame:
                frame.fail(*values)

        tell(results, name, labels, view, summary, [*writers, *([frame] if frame else [])], failed)
        for writer in writers:
            writer.close()
        failures.close()
    except BaseException:
        for partial in folder.glob("*.partial"):  # room, if it is the disk that is full
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
        raise


def tell(
    results: Iterable[tuple[str, Outcome]],
    name: Callable[[str], str],
    labels: Sequence[str],
    view: RowOptions,
    summary: Summary,
    takers: Sequence[Writer | DataFrameBuilder],
    failed: Callable[[str, str, str, str], None],
) -> None:
    """Give each file with its segments to each of the `takers`, and failures to `failed`; count both."""
    for path, outcome in results:
        if isinstance(outcome, Failure):
            failed(name(path), outcome.stage, outcome.error, outcome.message)
            summary.failed += 1
            continue
        file, segments = rows(name(path), outcome, labels, view)
        for taker in takers:
            taker.write(file, segments)
        count(file, summary)


def count(file: FileRow, summary: Summary) -> None:
    """Add a file to the counts."""
    summary.files += 1
    summary.segments += file.n_segments
    summary.audio_seconds += file.duration
    if file.emotion.label is not None:
        summary.labels[file.emotion.label] += 1
    elif file.emotion.status == SILENT:
        summary.silent += 1
    else:
        summary.uncertain += 1
