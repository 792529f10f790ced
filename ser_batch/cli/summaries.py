"""Text of `annotate` after a run or a dry run: lines and their styles on a terminal."""

import shlex
import sys
from collections.abc import Iterator, Sequence

from rich.table import Column, Table
from rich.text import Text

from ser_batch.inputs.passed_over import summary_line
from ser_batch.inputs.url import redacted_command
from ser_batch.runs.dry_run import DryRun
from ser_batch.runs.summary import Summary

Line = tuple[str | Table, str]

PLAIN, GOOD, BAD, NOTE, MAIN = "", "green", "red", "yellow", "bold"
BAR_WIDTH = 24  # characters


def finished(summary: Summary, bars: bool) -> Iterator[Line]:
    """The summary of a finished run: shares of the labels, counts, speed, place of the tables."""
    if summary.labels:
        yield shares(summary, bars), PLAIN
    counts = [count(summary.files, "file"), count(summary.segments, "segment")]
    counts += [f"{summary.no_speech:,} without speech"] if summary.no_speech else []
    counts += [f"{summary.silent:,} silent"] if summary.silent else []
    counts += [f"{summary.uncertain:,} uncertain"] if summary.uncertain else []
    counts += [f"{summary.resumed:,} done before"] if summary.resumed else []
    yield f"{', '.join(counts)}; {duration(summary.audio_seconds)} of audio", MAIN
    if summary.new_audio_seconds:
        yield f"{duration(summary.wall_seconds)}, {summary.times_real_time:,.0f}× real time", PLAIN
    place = summary.url or summary.folder
    if summary.failed:
        yield f"{summary.failed:,} failed: see {place}/failures.csv", BAD
    if summary.passed_over:
        yield summary_line(summary.passed_over), PLAIN
    yield f"tables in {place}", GOOD
    if summary.report:
        yield f"report in {summary.report}", GOOD


def profile(summary: Summary) -> Iterator[Line]:
    """The time of each stage in the workers."""
    total = sum(summary.stages.values())
    if not total:
        yield "nothing was annotated in this run", PLAIN
        return
    numbers = [Column(name, justify="right") for name in ("share", "time", "an hour of audio")]
    table = Table("stage", *numbers, box=None, pad_edge=False, header_style="bold")
    for stage, seconds in summary.stages.items():
        an_hour = 3600 * seconds / summary.new_audio_seconds
        table.add_row(stage, f"{seconds / total:.1%}", f"{seconds:,.2f} s", f"{an_hour:,.2f} s")
    yield table, PLAIN
    yield f"{total:,.1f} s of the workers' time in {summary.wall_seconds:,.1f} s", PLAIN


def unfinished(summary: Summary) -> Iterator[Line]:
    """Why a run stopped, and the command that resumes it."""
    yield f"Stopped: {summary.stopped}." if summary.stopped else "Interrupted.", NOTE
    yield "Finished files are kept. To resume, run the same command again:", NOTE
    yield again(sys.argv), PLAIN


def planned(plan: DryRun, output: str) -> Iterator[Line]:
    """The result of a dry run."""
    before = f", beside {plan.done_before:,} done before" if plan.done_before else ""
    yield f"{count(plan.files, 'file')} to annotate ({megabytes(plan.bytes)}){before}", MAIN
    if plan.unreadable:
        more = ", …" if len(plan.unreadable) > 3 else ""
        yield f"{len(plan.unreadable):,} cannot be read: {', '.join(plan.unreadable[:3])}{more}", BAD
    if plan.files:
        basis = "a sample of their headers" if plan.sampled else "their headers"
        yield f"about {duration(plan.audio_seconds)} of audio, by {basis}", PLAIN
    if plan.probe_failed:
        yield f"{plan.probe_failed:,} of {count(plan.probed, 'file')} that were tried failed", BAD
    if plan.seconds is not None:
        speed = f"{plan.times_real_time:,.0f}× real time on {count(plan.probed, 'file')} that were tried"
        yield f"about {duration(plan.seconds)} with {count(plan.jobs, 'process', 'es')} here, {speed}", PLAIN
    if plan.passed_over:
        yield summary_line(plan.passed_over), PLAIN
    yield f"nothing was written; the tables would be in {output}", GOOD


def shares(summary: Summary, bars: bool) -> Table:
    """The number and share of files of each label."""
    numbers = [Column(name, justify="right") for name in ("files", "share")]
    table = Table("label", *numbers, box=None, pad_edge=False, header_style="bold")
    labelled = sum(summary.labels.values())
    for label, files in summary.labels.most_common():
        bar = [Text("━" * round(BAR_WIDTH * files / labelled), "cyan")] if bars else []
        table.add_row(label, f"{files:,}", f"{files / labelled:.0%}", *bar)
    return table


def count(n: int, noun: str, plural: str = "s") -> str:
    """A number and its noun: `1 file`, `2 files`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}{plural}"


def megabytes(size: int) -> str:
    """A readable number of bytes."""
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


def duration(seconds: float) -> str:
    """A readable time: `42 s`, `3 min 20 s`, `5 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def again(command: Sequence[str]) -> str:
    """The command line that resumes a run: the same without `--restart`, which would delete its results."""
    return shlex.join(["ser-batch", *(word for word in redacted_command(command[1:]) if word != "--restart")])
