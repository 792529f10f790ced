"""Displays of `annotate` on stderr: a live bar, plain lines, JSON events, or nothing."""

import math
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from ser_batch.cli import summaries
from ser_batch.cli.events import emit
from ser_batch.cli.summaries import BAR_WIDTH, again, count, duration
from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source
from ser_batch.inputs.url import redacted_command
from ser_batch.runs.dry_run import DryRun
from ser_batch.runs.progress import Progress, ProgressEstimate, Work
from ser_batch.runs.rows import rows
from ser_batch.runs.summary import Summary

LINE_SECONDS = 5.0, 60.0  # between lines: at the start, and in a run of hours
FRAME_SECONDS = 0.1


def select_display(
    quiet: bool = False, verbose: bool = False, log_json: bool = False, live: bool = True
) -> "Quiet":
    """The live bar on a terminal that can move its cursor, plain lines elsewhere, JSON events on request."""
    if log_json:
        return Events(verbose)
    if quiet:
        return Quiet()
    console = Console(stderr=True)
    live = live and console.is_terminal and not console.is_dumb_terminal
    return (Live if live else Lines)(verbose)


class Quiet(Progress):
    """Display of `--quiet`: only the reason why a run stopped by itself."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def say(self, message: str | Table, style: str | None = None) -> None:
        """Print a message; a closed stderr does not stop the run."""
        with suppress(OSError, SystemExit):  # rich exits on a broken pipe
            self.console.print(message, style=style)

    def summary(self, summary: Summary) -> None:
        """Show why the run stopped by itself."""
        if summary.stopped:
            self._say_all(summaries.unfinished(summary))

    def plan(self, plan: DryRun, output: str) -> None:
        """Show the result of a dry run."""
        self._say_all(summaries.planned(plan, output))

    def profile(self, summary: Summary) -> None:
        """Show the time of each stage in the workers."""
        self._say_all(summaries.profile(summary))

    def _say_all(self, lines: Iterable[summaries.Line]) -> None:
        for message, style in lines:
            self.say(message, style)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Restore the terminal."""


class Lines(Quiet):
    """Display for logs: a plain line from time to time; with `verbose`, also one for each file."""

    def __init__(self, verbose: bool = False) -> None:
        super().__init__()
        self.verbose = verbose
        self._due = math.inf
        self._stopping = False

    def warn(self, message: str) -> None:
        """Show a warning."""
        self.say(f"Warning: {message}", "yellow")

    def begin(self, work: Work) -> None:
        """Start the measurement of speed."""
        self.meter = ProgressEstimate(work)
        self._due = time.monotonic() + self.pause()
        for item in work.unreadable:
            self.failed(work.name(item.path), Failure("find", item.error, item.message))

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file."""
        self.meter.add(source, outcome)
        file = self.meter.work.name(source.path)
        if isinstance(outcome, Failure):
            self.failed(file, outcome)
        elif self.verbose:
            self.annotated(file, outcome)

    def file_progress(self, source: Source, seconds: float) -> None:
        """Count a part of a file."""
        self.meter.file_progress(source, seconds)

    def failed(self, file: str, failure: Failure) -> None:
        """Show a failed file."""
        if self.verbose:
            self.say(f"{file}: {failure.stage}: {failure.message}", "red")

    def annotated(self, file: str, annotation: Annotation) -> None:
        """Show an annotated file."""
        row, segments = rows(file, annotation, self.meter.work.labels)
        emotion = row.emotion
        label = f"{emotion.label} {emotion.confidence:.2f}" if emotion.label else emotion.status
        self.say(f"{file}: {label}, {count(len(segments), 'segment')}, {row.duration:.1f} s")

    def tick(self) -> None:
        """Show the state if the pause is over."""
        if time.monotonic() >= self._due:
            self.show()
            self._due = time.monotonic() + self.pause()

    def pause(self) -> float:
        """Seconds until the next line: a tenth of the elapsed time, within bounds."""
        return min(max(self.meter.elapsed / 10, LINE_SECONDS[0]), LINE_SECONDS[1])

    def show(self) -> None:
        """Show the state."""
        self.say(state(self.meter))

    def stopping(self) -> None:
        """Show once that the run is stopping."""
        if not self._stopping:
            self._stopping = True
            self.say_stopping()

    def say_stopping(self) -> None:
        """Explain the first and the second Ctrl-C."""
        self.say("Stopping after the files in progress; Ctrl-C again stops at once.", "yellow")

    def end(self) -> None:
        """Stop showing the state."""
        self._due = math.inf

    def summary(self, summary: Summary) -> None:
        """Show the summary, or how to resume."""
        if summary.interrupted or summary.stopped:
            self._say_all(summaries.unfinished(summary))
        else:
            self._say_all(summaries.finished(summary, bars=self.console.is_terminal))


class Live(Lines):
    """Display for terminals: a live bar from the search for files to the last table."""

    def __init__(self, verbose: bool) -> None:
        super().__init__(verbose)
        self._bar = Bar(
            BarColumn(BAR_WIDTH),
            TextColumn("{task.description}", markup=False),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("looking for files", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def begin(self, work: Work) -> None:
        """Start the measurement of speed."""
        super().begin(work)
        self._bar.update(self._task, description=f"starting on {count(work.files, 'file')}")

    def pause(self) -> float:
        """Seconds until the next frame."""
        return FRAME_SECONDS

    def show(self) -> None:
        """Move the bar."""
        if self.meter.done or self.meter.seconds:
            seconds = self.meter.seconds
            total = seconds + self.meter.seconds_left
            self._bar.update(self._task, completed=seconds, total=total, description=state(self.meter))

    def end(self) -> None:
        """Show that the tables are written."""
        super().end()
        self._bar.update(self._task, total=None, description="writing the tables")


class Events(Lines):
    """Display of `--log-json`: JSON events; with `verbose`, also one for each file."""

    def warn(self, message: str) -> None:
        """Event `warning`."""
        emit("warning", message=message)

    def begin(self, work: Work) -> None:
        """Event `start`."""
        emit(
            "start",
            files=work.files,
            done_before=work.done_before,
            bytes=sum(work.sizes.values()),
            command=redacted_command(sys.argv),
        )
        super().begin(work)

    def failed(self, file: str, failure: Failure) -> None:
        """Event `failure`."""
        emit("failure", file=file, stage=failure.stage, error=failure.error, message=failure.message)

    def annotated(self, file: str, annotation: Annotation) -> None:
        """Event `file`."""
        row, segments = rows(file, annotation, self.meter.work.labels)
        emit(
            "file",
            file=file,
            duration=row.duration,
            segments=len(segments),
            label=row.emotion.label,
            confidence=row.emotion.confidence,
            status=row.emotion.status,
        )

    def show(self) -> None:
        """Event `progress`."""
        meter = self.meter
        emit(
            "progress",
            done=meter.done,
            files=meter.work.files,
            failed=meter.failed,
            audio_seconds=round(meter.seconds, 3),
            audio_seconds_left=round(meter.seconds_left, 3),
            times_real_time=round(meter.times_real_time, 1),
            seconds_left=None if meter.time_left is None else round(meter.time_left, 1),
        )

    def say_stopping(self) -> None:
        """Event `stopping`."""
        emit("stopping")

    def plan(self, plan: DryRun, output: str) -> None:
        """Event `plan`."""
        emit("plan", **members(plan), output=output, exit_code=0)

    def summary(self, summary: Summary) -> None:
        """Event `summary`."""
        unfinished = summary.interrupted or summary.stopped
        resume = again(sys.argv) if unfinished else None
        emit("summary", **members(summary), exit_code=summary.exit_code, resume=resume)

    def profile(self, summary: Summary) -> None:
        """Nothing: the event `summary` has the times."""


def state(meter: ProgressEstimate) -> str:
    """Time left, audio, failures, speed, files: the most important first, as a terminal can be narrow."""
    left = meter.time_left
    parts = [
        f"about {duration(left)} left" if left is not None else "no audio yet",
        f"{duration(meter.seconds)} of {duration(meter.seconds + meter.seconds_left)}",
        f"{meter.failed:,} failed" if meter.failed else "",
        f"{meter.times_real_time:,.0f}× real time",
        f"{meter.done:,}/{meter.work.files:,} files",
    ]
    return ", ".join(filter(None, parts))


def members(record: Summary | DryRun) -> dict[str, Any]:
    """The fields of a dataclass, without conversion."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
