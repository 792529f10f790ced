"""`annotate` without a folder: results stay in memory, and nothing is written."""

import time
from collections.abc import Iterable
from pathlib import Path

from ser_batch.engine.job import Options, Summary
from ser_batch.inputs.url import redacted
from ser_batch.runs.dataframe import Frame
from ser_batch.runs.journal import Memory
from ser_batch.runs.plan import Plan
from ser_batch.runs.progress import Progress, survey
from ser_batch.runs.run import annotate_todo, interruptible, no_audio, prepare
from ser_batch.runs.tables import tell


def collect(paths: Iterable[str], options: Options, progress: Progress, frame: Frame) -> Summary:
    """Annotate files and directories; the frame takes what `run` would write into tables.

    Raises:
        SerBatchError: nothing can be done: no audio, or an unknown model.
    """
    began = time.time()
    bundle, settings = prepare(options, progress)
    plan = Plan(paths, options.include, options.exclude)
    if not plan.n_found:
        raise no_audio(plan)
    summary = Summary(Path(), root=redacted(plan.root))
    name = redacted if options.absolute else plan.name
    work = survey(plan.todo(), plan.unreadable, 0, bundle.labels, name)
    results = Memory()
    with interruptible(summary):
        annotate_todo(plan, work, results, settings, options, progress, summary)
        if not (summary.interrupted or summary.stopped):
            tell(plan.results(results), name, bundle.labels, options.view, summary, [frame], frame.fail)
    summary.wall_seconds = time.time() - began
    return summary
