"""A run of `annotate`: finds files, annotates them, writes journal and tables; a second run resumes."""

import errno
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ser_batch.engine import engines
from ser_batch.engine.job import Options, Settings
from ser_batch.engine.limits import default_jobs
from ser_batch.engine.result import Failure
from ser_batch.errors import SerBatchError
from ser_batch.inputs.passed_over import summary_line
from ser_batch.inputs.url import redacted
from ser_batch.runs import run_json
from ser_batch.runs.adapting import adapted_results, calibration_in_use, read_calibration
from ser_batch.runs.dataframe import DataFrameBuilder
from ser_batch.runs.journal import InMemoryJournal, Journal
from ser_batch.runs.lock import locked
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.plan import Plan
from ser_batch.runs.progress import Progress, Work, count_work
from ser_batch.runs.settings import prepare
from ser_batch.runs.shards import parse_shard
from ser_batch.runs.signals import interruptible, stop_on_signal
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import write_tables

UNUSABLE_FOLDER = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENOENT
}  # fmt: skip


def run(
    paths: Iterable[str],
    folder: Path,
    options: Options,
    progress: Progress,
    frame: DataFrameBuilder | None = None,
) -> Summary:
    """Annotate files and directories into tables in `folder`, and into a DataFrame if `frame` is given.

    A second run with the same arguments resumes: files that are done and unchanged are not read again.

    Raises:
        SerBatchError: no audio, an unknown model, a folder that cannot be written, that another run is writing to, or
            that holds the results of other settings.
    """
    began = time.time()
    shard = parse_shard(options.shard)
    options = replace(options, shard=shard and str(shard))  # `auto` is resolved
    output = OutputFolder(folder, shard)
    bundle, settings = prepare(options, progress)
    asked = read_calibration(Path(options.calibration)) if options.calibration else None
    calibration = asked if shard else calibration_in_use(folder, options, run_json.model_record(bundle))
    adapted: dict[str, Any] = {}
    summary = Summary(output.tables)
    with interruptible(summary), folder_errors(folder):
        output.create()
        with locked(output.lock):
            plan = find_inputs(paths, options, output)
            summary.root, summary.passed_over = redacted(plan.root), plan.passed_over
            options = replace(options, stretches=plan.stretches)
            if options.restart:
                output.journal.unlink(missing_ok=True)
            fingerprint = run_json.fingerprint(settings, bundle, plan.root, asked)
            with closing(Journal(output.journal, fingerprint, options.moved)) as journal:
                output.begin()
                summary.resumed = plan.resume(journal.records(), options.retry_failed)
                name = redacted if options.absolute else plan.name
                work = count_work(plan.pending(), plan.unreadable, summary.resumed, bundle.labels, name)
                annotate_pending(plan, work, journal, settings, options, progress, summary)
                if summary.complete:
                    results, adapted = adapted_results(
                        lambda: plan.results(journal),
                        plan.name,
                        bundle.labels,
                        replace(options, adapt=options.adapt and not shard),  # shards are adapted when merged
                        calibration,
                    )
                    write_tables(results, name, bundle.labels, options, summary, frame)
            summary.wall_seconds = time.time() - began
            run_json.write(
                output.tables / "run.json", began, plan.root, options, settings, bundle, summary, adapted
            )
            if summary.complete:
                output.finish(plan)
    return summary


def find_inputs(paths: Iterable[str], options: Options, output: OutputFolder | None = None) -> Plan:
    """Find the inputs of a run, or of the shard that `output` is for.

    Raises:
        SerBatchError: there are none.
        UsageError: one is not below the root that the options give.
    """
    shard = output.shard if output else None
    plan = Plan(paths, options.include, options.exclude, shard and shard.holds, options.root)
    if not plan.n_found:
        where = plan.root or "an empty list"
        other = f" ({summary_line(plan.passed_over)})" if plan.passed_over else ""
        raise SerBatchError(f"no audio files in {where}{other}: check the path, --include and --exclude")
    return plan


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError of the output folder into a SerBatchError with advice."""
    try:
        yield
    except OSError as error:
        advice = "make room, if it is full, and run the same command again: what is done is kept"
        if error.errno in UNUSABLE_FOLDER:
            advice = "choose another folder with -o"
        raise SerBatchError(f"cannot write to {folder} ({error.strerror}): {advice}") from error


def annotate_pending(
    plan: Plan,
    work: Work,
    journal: Journal | InMemoryJournal,
    settings: Settings,
    options: Options,
    progress: Progress,
    summary: Summary,
) -> None:
    """Annotate the files without a result; the summary says so if some could not be tried."""
    left = work.files
    engine = engines.select_engine(options)
    jobs = min(options.jobs or default_jobs(left, progress.warn), left)
    last_failure = ""
    progress.begin(work)

    def stopped() -> bool:
        journal.sync_when_due()
        progress.tick()
        if signalled.is_set():
            progress.stopping()
        return signalled.is_set() or plan.n_failed > options.failures_allowed

    outcomes = engine(plan.pending(), settings, jobs, options.timeout, stopped, progress.file_progress)
    try:
        with stop_on_signal() as signalled, closing(outcomes):
            for source, outcome in outcomes:
                plan.add(source, outcome, journal)
                progress.advance(source, outcome)
                left -= 1
                if isinstance(outcome, Failure):
                    last_failure = f"; the last: {plan.name(source.path)}: {outcome.stage}: {outcome.message}"
                else:
                    summary.add_work(outcome)
        journal.sync()
    finally:
        progress.end()
    if left and signalled.is_set():
        summary.interrupted = True
    elif plan.n_failed > options.failures_allowed:  # also if all files are done: chance must not decide
        allowed = "--fail-fast" if options.fail_fast else f"--max-failures {options.max_failures}"
        summary.failed = plan.n_failed
        summary.stopped = f"{plan.n_failed} failed, more than {allowed} allows{last_failure}"
