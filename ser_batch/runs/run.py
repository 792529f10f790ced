"""A run of `annotate`: find → workers → journal → tables, resumed where an earlier one stopped."""

import errno
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from ser_batch.audio.denoise import ENGINES
from ser_batch.audio.front_end import WINDOW_SECONDS
from ser_batch.engine import engines, processes
from ser_batch.engine.job import Options, Settings
from ser_batch.engine.result import Failure
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.url import redacted
from ser_batch.model.bundle import Bundle, load_bundle
from ser_batch.runs import run_json
from ser_batch.runs.dataframe import DataFrameBuilder
from ser_batch.runs.journal import InMemoryJournal, Journal
from ser_batch.runs.lock import locked
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.plan import Plan
from ser_batch.runs.progress import Progress, Work, count_work
from ser_batch.runs.shards import parse_shard
from ser_batch.runs.signals import sigterm_interrupts, stop_on_signal
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import check_formats, write_tables

NOT_A_PLACE_TO_WRITE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENOENT
}  # fmt: skip


def run(
    paths: Iterable[str],
    folder: Path,
    options: Options,
    progress: Progress,
    frame: DataFrameBuilder | None = None,
) -> Summary:
    """Annotate files and directories into tables in `folder`, and into a DataFrame if one is to be made.

    Running it again with the same arguments resumes: files that are done and unchanged are not read again.

    Raises:
        SerBatchError: nothing can be done: no audio, an unknown model, a folder that cannot be written, that
            another run is writing to, or that holds the results of other settings.
    """
    began = time.time()
    shard = parse_shard(options.shard)
    options = replace(options, shard=shard and str(shard))  # what `auto` stood for
    place = OutputFolder(folder, shard)
    bundle, settings = prepare(options, progress)
    summary = Summary(place.tables)
    with interruptible(summary), folder_errors(folder):
        place.make()
        with locked(place.lock):
            plan = Plan(paths, options.include, options.exclude, shard and shard.holds)
            if not plan.n_found:
                raise no_audio_error(plan)
            summary.root = redacted(plan.root)
            if options.restart:
                place.journal.unlink(missing_ok=True)
            fingerprint = run_json.fingerprint(settings, bundle, plan.root)
            with closing(Journal(place.journal, fingerprint)) as journal:
                place.begin()
                summary.resumed = plan.resume(journal.records(), options.retry_failed)
                name = redacted if options.absolute else plan.name
                work = count_work(plan.pending(), plan.unreadable, summary.resumed, bundle.labels, name)
                annotate_pending(plan, work, journal, settings, options, progress, summary)
                if not (summary.interrupted or summary.stopped):
                    results = plan.results(journal)
                    write_tables(
                        results, name, bundle.labels, options.formats, summary, options.row_options, frame
                    )
            summary.wall_seconds = time.time() - began
            run_json.write(place.tables / "run.json", began, plan.root, options, settings, bundle, summary)
            if not (summary.interrupted or summary.stopped):
                place.finish(plan)
    return summary


def prepare(options: Options, progress: Progress) -> tuple[Bundle, Settings]:
    """The model and the settings; a warning, if it was not trained with such.

    Raises:
        UsageError: an unknown model or format, or options that make no sense.
        SerBatchError: the model is broken.
    """
    check_formats(options.formats)
    bundle = load_bundle(options.model)
    settings = resolve_settings(options, bundle)
    if (settings.denoise == "off") != (bundle.denoise == "off"):
        progress.warn(
            f"{bundle.name} was trained with denoise {bundle.denoise}; with {settings.denoise} its labels are worse"
        )
    return bundle, settings


def no_audio_error(plan: Plan) -> SerBatchError:
    """What to say of a plan of nothing."""
    where = plan.root or "an empty list"
    return SerBatchError(f"no audio files in {where}: check the path, --include and --exclude")


def resolve_settings(options: Options, bundle: Bundle) -> Settings:
    """What changes a result: the options, and what the model's card says where they say nothing.

    Raises:
        UsageError: options that make no sense.
    """
    if not 0.1 <= options.window <= WINDOW_SECONDS:
        raise UsageError(f"a window of {options.window} s: the models take 0.1 to {WINDOW_SECONDS} s")
    if not 0.01 <= options.hop <= options.window:
        raise UsageError(
            f"a hop of {options.hop} s: it must be 0.01 s or more, and no longer than the window"
        )
    denoise = options.denoise or bundle.denoise
    if denoise not in ENGINES:
        raise UsageError(f"unknown denoise engine {denoise!r}: choose from {', '.join(ENGINES)}")
    return Settings(str(bundle.path), options.window, options.hop, denoise)


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Turn what the file system has against the folder into what the user can do about it."""
    try:
        yield
    except OSError as error:
        advice = "make room, if it is full, and run the same command again: what is done is kept"
        if error.errno in NOT_A_PLACE_TO_WRITE:
            advice = "choose another folder with -o"
        raise SerBatchError(f"cannot write to {folder} ({error.strerror}): {advice}") from error


@contextmanager
def interruptible(summary: Summary) -> Iterator[None]:
    """Ctrl-C or SIGTERM while no file is in work stops at once, as a second Ctrl-C does: the journal is whole."""
    try:
        with sigterm_interrupts():
            yield
    except KeyboardInterrupt:
        summary.interrupted = True


def annotate_pending(
    plan: Plan,
    work: Work,
    journal: Journal | InMemoryJournal,
    settings: Settings,
    options: Options,
    progress: Progress,
    summary: Summary,
) -> None:
    """Have the files done that are not, and note in the summary if not all of them could be."""
    left = work.files
    engine = engines.select_engine(options)
    jobs = min(options.jobs or processes.default_jobs(), left)
    last_failure = ""
    progress.begin(work)

    def stopped() -> bool:
        journal.sync_when_due()
        progress.tick()
        if signalled.is_set():
            progress.stopping()
        return signalled.is_set() or plan.n_failed > options.failures_allowed

    try:
        with (
            stop_on_signal() as signalled,
            closing(
                engine(plan.pending(), settings, jobs, options.timeout, stopped, progress.file_progress)
            ) as results,
        ):
            for source, outcome in results:
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
    elif plan.n_failed > options.failures_allowed:  # even if by then all were done: not for chance to decide
        allowed = "--fail-fast" if options.fail_fast else f"--max-failures {options.max_failures}"
        summary.failed = plan.n_failed
        summary.stopped = f"{plan.n_failed} failed, more than {allowed} allows{last_failure}"
