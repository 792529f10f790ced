"""`annotate` without a folder: results stay in memory, and nothing is written."""

import time
from collections.abc import Iterable
from pathlib import Path

from ser_batch.engine.job import Options
from ser_batch.inputs.url import redacted
from ser_batch.runs.dataframe import DataFrameBuilder
from ser_batch.runs.journal import InMemoryJournal
from ser_batch.runs.plan import Plan
from ser_batch.runs.progress import Progress, count_work
from ser_batch.runs.run import annotate_pending, interruptible, no_audio_error, prepare
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import tell


def annotate_in_memory(
    paths: Iterable[str], options: Options, progress: Progress, frame: DataFrameBuilder
) -> Summary:
    """Annotate files and directories; the frame takes what `run` would write into tables.

    Raises:
        SerBatchError: nothing can be done: no audio, or an unknown model.
    """
    began = time.time()
    bundle, settings = prepare(options, progress)
    plan = Plan(paths, options.include, options.exclude)
    if not plan.n_found:
        raise no_audio_error(plan)
    summary = Summary(Path(), root=redacted(plan.root))
    name = redacted if options.absolute else plan.name
    work = count_work(plan.pending(), plan.unreadable, 0, bundle.labels, name)
    results = InMemoryJournal()
    with interruptible(summary):
        annotate_pending(plan, work, results, settings, options, progress, summary)
        if not (summary.interrupted or summary.stopped):
            tell(
                plan.results(results), name, bundle.labels, options.row_options, summary, [frame], frame.fail
            )
    summary.wall_seconds = time.time() - began
    return summary
