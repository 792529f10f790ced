"""A run of `annotate` without an output folder: results stay in memory, and no file is written."""

import time
from collections.abc import Iterable
from pathlib import Path

from ser_batch.engine.job import Options
from ser_batch.inputs.url import redacted
from ser_batch.runs.adapting import adapted_results, calibration_in_use
from ser_batch.runs.dataframe import DataFrameBuilder
from ser_batch.runs.journal import InMemoryJournal
from ser_batch.runs.progress import Progress, count_work
from ser_batch.runs.run import annotate_pending, find_inputs
from ser_batch.runs.run_json import model_record
from ser_batch.runs.settings import prepare
from ser_batch.runs.signals import interruptible
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import write_rows


def annotate_in_memory(
    paths: Iterable[str], options: Options, progress: Progress, frame: DataFrameBuilder
) -> Summary:
    """Annotate files and directories into a DataFrame.

    Raises:
        SerBatchError: no audio, or an unknown model.
    """
    began = time.time()
    bundle, settings = prepare(options, progress)
    plan = find_inputs(paths, options)
    summary = Summary(Path(), root=redacted(plan.root), passed_over=plan.passed_over)
    name = redacted if options.absolute else plan.name
    work = count_work(plan.pending(), plan.unreadable, 0, bundle.labels, name)
    journal = InMemoryJournal()
    with interruptible(summary):
        annotate_pending(plan, work, journal, settings, options, progress, summary)
        if summary.complete:
            results, _ = adapted_results(
                lambda: plan.results(journal),
                plan.name,
                bundle.labels,
                options,
                calibration_in_use(None, options, model_record(bundle)),
            )
            write_rows(results, name, bundle.labels, options, summary, [frame], frame.fail)
    summary.wall_seconds = time.time() - began
    return summary
