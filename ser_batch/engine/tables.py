"""From the journal to the tables."""

import heapq
from collections.abc import Sequence

from ser_batch.corpus.find import Source, Unreadable
from ser_batch.engine.job import Summary
from ser_batch.engine.journal import Journal
from ser_batch.engine.result import Failure
from ser_batch.engine.rows import rows
from ser_batch.output.csv_tables import CsvTable
from ser_batch.output.formats import FORMATS
from ser_batch.output.schema import FAILURE_COLUMNS


def write_tables(
    found: dict[str, Source | Unreadable],
    journal: Journal,
    labels: Sequence[str],
    formats: Sequence[str],
    summary: Summary,
) -> None:
    """Write every format, sorted by file, and count what is in them."""
    folder = summary.folder
    writers = [FORMATS[name](folder, labels) for name in dict.fromkeys(formats)]
    failures = CsvTable(folder / "failures.csv", FAILURE_COLUMNS)
    unreadable = sorted(
        (key, Failure("find", item.error, item.message))
        for key, item in found.items()
        if isinstance(item, Unreadable)
    )
    for key, outcome in heapq.merge(journal.results(found.keys()), unreadable, key=lambda pair: pair[0]):
        if isinstance(outcome, Failure):
            failures.write((key, outcome.stage, outcome.error, outcome.message))
            summary.failed += 1
            continue
        file, segments = rows(key, outcome, labels)
        for writer in writers:
            writer.write(file, segments)
        summary.files += 1
        summary.segments += len(segments)
        summary.audio_seconds += file.duration
        if file.emotion.label is None:
            summary.silent += 1
        else:
            summary.labels[file.emotion.label] += 1
    for writer in writers:
        writer.close()
    failures.close()
