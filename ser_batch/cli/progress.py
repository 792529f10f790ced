"""What `annotate` shows on stderr while it works and when it is done."""

import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import click

from ser_batch.corpus.find import Source
from ser_batch.engine.job import Summary
from ser_batch.engine.progress import Progress, Silent
from ser_batch.engine.result import Annotation, Failure

LINE_SECONDS = 5.0


def chosen(quiet: bool) -> Progress:
    """A live display on a terminal, a line now and then elsewhere, nothing when quiet."""
    if quiet:
        return Silent()
    return Live() if sys.stderr.isatty() else Lines()


class Meter(Silent):
    """Counts, and tells the state in words: the time left goes by bytes, which are known beforehand."""

    _stopping = False

    def warn(self, message: str) -> None:
        """Print it."""
        click.secho(f"Warning: {message}", fg="yellow", err=True)

    def stopping(self) -> None:
        """Say so, once."""
        if not self._stopping:
            self._stopping = True
            self.say("Stopping when the files in work are done; Ctrl-C again stops at once.")

    def say(self, message: str) -> None:
        """Print a line; a run does not end because nobody can read it."""
        with suppress(OSError):
            print(message, file=sys.stderr, flush=True)

    def begin(self, files: int, size: int) -> None:
        """Start the clock."""
        self._files, self._size = files, size
        self._done = self._failed = self._read = 0
        self._seconds = 0.0
        self._began = time.monotonic()

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file."""
        self._done += 1
        self._read += source.size
        if isinstance(outcome, Annotation):
            self._seconds += outcome.duration
        else:
            self._failed += 1

    def state(self) -> str:
        """Files, audio, speed, time left."""
        elapsed = time.monotonic() - self._began
        left = elapsed * (self._size - self._read) / self._read if self._read else 0.0
        failed = f", {self._failed:,} failed" if self._failed else ""
        return (
            f"{self._done:,}/{self._files:,} files{failed}, {duration(self._seconds)} of audio, "
            f"{self._seconds / elapsed if elapsed else 0:,.0f}× real time, {duration(left)} left"
        )


class Lines(Meter):
    """A plain line every few seconds: for logs."""

    def begin(self, files: int, size: int) -> None:
        """Start the clock."""
        super().begin(files, size)
        self._next = self._began + LINE_SECONDS

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file, and perhaps print a line."""
        super().advance(source, outcome)
        if time.monotonic() >= self._next:
            self.say(self.state())
            self._next += LINE_SECONDS


class Live(Meter):
    """A bar that moves: for terminals."""

    def begin(self, files: int, size: int) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().begin(files, size)
        self._bar = Progress(
            BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
        )
        self._task = self._bar.add_task("starting the workers", total=size or None)
        self._bar.start()

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file, and move the bar."""
        super().advance(source, outcome)
        self._bar.update(self._task, completed=self._read, description=self.state())

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(message, style="yellow")

    def end(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def duration(seconds: float) -> str:
    """A time for people: 42 s, 3 min 20 s, 5 h 12 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def again(command: Sequence[str]) -> str:
    """The command line that resumes a run: its own, but for `--restart`, which would forget what is done."""
    return shlex.join(["ser-batch", *(word for word in command[1:] if word != "--restart")])


def show_summary(summary: Summary) -> None:
    """Counts, label shares, speed, and where the tables are; or how to go on after an interruption."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, highlight=False)
    if summary.interrupted or summary.stopped:
        reason = f"Stopped: {summary.stopped}." if summary.stopped else "Interrupted."
        console.print(reason, style="yellow", markup=False, soft_wrap=True)
        console.print("What is done is kept; run the same command again to go on:", style="yellow")
        console.print(again(sys.argv), markup=False, soft_wrap=True)
        return
    labelled = sum(summary.labels.values())
    if labelled:
        table = Table("label", "files", "share", box=None, pad_edge=False)
        for label, count in summary.labels.most_common():
            table.add_row(label, f"{count:,}", f"{count / labelled:.0%}")
        console.print(table)
    counts = [f"{summary.files:,} files", f"{summary.segments:,} segments"]
    counts += [f"{summary.silent:,} silent"] if summary.silent else []
    counts += [f"{summary.resumed:,} done before"] if summary.resumed else []
    console.print(f"{', '.join(counts)}; {duration(summary.audio_seconds)} of audio")
    if summary.new_audio_seconds:
        console.print(f"{duration(summary.wall_seconds)}, {summary.times_real_time:,.0f}× real time")
    if summary.failed:
        console.print(
            f"{summary.failed:,} failed: see {summary.folder / 'failures.csv'}", style="red", soft_wrap=True
        )
    console.print(f"tables in {summary.folder}", soft_wrap=True)
