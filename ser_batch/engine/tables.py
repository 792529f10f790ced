"""From the journal to the tables."""

from collections.abc import Callable, Iterable, Sequence

from ser_batch.engine.job import Summary
from ser_batch.engine.result import Failure, Outcome
from ser_batch.engine.rows import rows
from ser_batch.output.csv_tables import CsvTable
from ser_batch.output.formats import FORMATS
from ser_batch.output.schema import FAILURE_COLUMNS, FileRow


def write_tables(
    results: Iterable[tuple[str, Outcome]],
    name: Callable[[str], str],
    labels: Sequence[str],
    formats: Sequence[str],
    summary: Summary,
) -> None:
    """Write every format from results sorted by path, and count what is in them.

    Args:
        results: path and outcome of every input; taken one at a time.
        name: what the tables call a path.
        labels: the emotions, in the order of the probabilities.
        formats: names in `ser_batch.output.formats.FORMATS`.
        summary: the folder, and the counts, which are added to.

    Raises:
        OSError: a table cannot be written; the earlier ones are as they were.
    """
    folder = summary.folder
    try:
        writers = [FORMATS[kind](folder, labels) for kind in dict.fromkeys(formats)]
        failures = CsvTable(folder / "failures.csv", FAILURE_COLUMNS)
        for path, outcome in results:
            if isinstance(outcome, Failure):
                failures.write((name(path), outcome.stage, outcome.error, outcome.message))
                summary.failed += 1
                continue
            file, segments = rows(name(path), outcome, labels)
            for writer in writers:
                writer.write(file, segments)
            _count(file, summary)
        for writer in writers:
            writer.close()
        failures.close()
    except BaseException:
        for partial in folder.glob("*.partial"):  # room, if it is the disk that is full
            partial.unlink()
        raise


def _count(file: FileRow, summary: Summary) -> None:
    summary.files += 1
    summary.segments += file.n_segments
    summary.audio_seconds += file.duration
    if file.emotion.label is None:
        summary.silent += 1
    else:
        summary.labels[file.emotion.label] += 1
