"""`annotate -o -`: rows as JSON lines on stdout, written as files are done; no folder, no journal."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ser_batch.engine import engines
from ser_batch.engine.job import Options
from ser_batch.engine.limits import default_jobs
from ser_batch.engine.result import Failure
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.find import find
from ser_batch.inputs.passed_over import summary_line
from ser_batch.inputs.paths import absolute
from ser_batch.inputs.sources import Source
from ser_batch.inputs.url import redacted
from ser_batch.output.schema import Schema, stretch_times
from ser_batch.runs.adapting import apply, calibration_in_use
from ser_batch.runs.progress import Progress, Work
from ser_batch.runs.rows import rows
from ser_batch.runs.run_json import model_record
from ser_batch.runs.settings import prepare
from ser_batch.runs.signals import interruptible, stop_on_signal
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import count
from ser_batch.stretches import is_stretch, split


def stream(paths: Iterable[str], output: int, options: Options, progress: Progress) -> Summary:
    """Annotate files and write their rows in the order of completion.

    Each row is a JSON line with a `type`: the `segment` rows of a file, then its `file` row; or a `failure`. Files are
    named as in `paths`, or as found below them.

    Args:
        paths: files and directories; consumed as workers become free.
        output: file descriptor to write to. If its reader is gone, the run ends without an error.
        options: as for `run`, except those for a folder.
        progress: its callbacks are called.

    Raises:
        SerBatchError: nothing can be done, too many files have failed, or the output cannot be written.
    """
    if options.shard:
        raise UsageError("--shard needs a folder for its tables: name one with -o")
    if options.root or options.any_root:
        raise UsageError("--root and --any-root need a folder for the tables: name one with -o")
    if options.adapt:
        raise UsageError(
            "--adapt needs all results before the first row: give a folder with -o; "
            "or learn the offsets once, and give --calibration"
        )
    bundle, settings = prepare(options, progress)
    calibration = calibration_in_use(None, options, model_record(bundle))
    engine = engines.select_engine(options)
    schema = Schema(bundle.labels, options.top_k)
    summary = Summary(Path("-"))

    def fail(path: str, failure: Failure) -> None:
        summary.failed += 1
        file, *times = split(redacted(path))
        stretch = dict(zip(("start", "end"), times, strict=True)) if is_stretch(path) else {}
        _write(output, [{"type": "failure", "file": file, **failure.record(), **stretch}])

    def sources() -> Iterator[Source]:
        for item in find(
            map(absolute, paths) if options.absolute else paths,
            options.include,
            options.exclude,
            summary.passed_over,
        ):
            if isinstance(item, Source):
                yield item
            else:
                fail(item.path, Failure("find", item.error, item.message))

    def stopped() -> bool:
        if signalled.is_set():
            progress.stopping()
        return signalled.is_set() or summary.failed > options.failures_allowed

    try:
        with interruptible(summary):
            found = sources()
            first = list(islice(found, options.jobs or default_jobs(warn=progress.warn)))
            if not first and not summary.failed:
                raise SerBatchError("no audio files: check the paths, --include and --exclude")
            progress.begin(Work(0, 0, {}, (), bundle.labels, redacted))
            outcomes = engine(
                chain(first, found), settings, len(first), options.timeout, stopped, progress.file_progress
            )
            with stop_on_signal() as signalled, closing(outcomes):
                for source, outcome in outcomes:
                    progress.advance(source, outcome)
                    if isinstance(outcome, Failure):
                        fail(source.path, outcome)
                        continue
                    shown = apply(calibration.map, outcome) if calibration else outcome
                    file, segments = rows(redacted(source.path), shown, bundle.labels, options)
                    lines = [{"type": "segment", **schema.record(segment)} for segment in segments]
                    _write(output, [*lines, {"type": "file", **schema.record(file), **stretch_times(file)}])
                    count(file, outcome, summary)
                    summary.add_work(outcome)
            summary.interrupted = signalled.is_set()
    except BrokenPipeError:  # nobody reads any more
        return Summary(summary.folder)
    if summary.failed > options.failures_allowed:
        raise SerBatchError(
            f"stopped: {summary.failed} failed, more than allowed: see their messages, or give a larger --max-failures"
        )
    if summary.passed_over:
        progress.warn(summary_line(summary.passed_over))
    return summary


def _write(output: int, lines: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines to a file descriptor, unbuffered."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    data = memoryview(text.encode(errors="backslashreplace"))
    try:
        while data:
            data = data[os.write(output, data) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SerBatchError(f"stdout: cannot be written ({error.strerror}): name a folder with -o") from error
