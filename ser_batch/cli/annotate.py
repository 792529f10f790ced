"""Command `ser-batch annotate`."""

import sys
from itertools import chain

import click

from ser_batch.cli import cluster, shared
from ser_batch.cli.config import configurable


@click.command(epilog="Example: ser-batch annotate recordings -o annotations")
@click.argument("paths", nargs=-1, type=click.Path(), metavar="PATHS...")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    default="annotations",
    metavar="DIR|-",
    help="Folder for the tables (made if missing) or its URL; `-` streams rows to stdout as JSON lines.",
)
@click.option(
    "--work-dir",
    type=click.Path(),
    metavar="DIR",
    help="Local folder for the tables while -o is a URL; by default in the user's cache.",
)
@shared.formats(default=("csv",), help="Format of the tables, repeatable.")
@click.option(
    "--merge-consecutive", is_flag=True, help="Merge consecutive segments that have the same label."
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Show no label below this probability; the status is then `uncertain`.",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    default=1,
    metavar="K",
    help="Add columns for the second to the K-th most probable label.",
)
@shared.adaptation
@click.option(
    "--calibration",
    type=click.Path(exists=True),
    metavar="FILE|DIR",
    help="Calibrate as `ser-batch calibrate` found it for recordings of the same kind.",
)
@shared.model
@click.option(
    "--window", type=float, default=3.0, metavar="SECONDS", help="Length of a segment, at most the model's."
)
@click.option(
    "--hop",
    type=float,
    default=1.5,
    metavar="SECONDS",
    help="Time from the start of a segment to the start of the next.",
)
@click.option(
    "--denoise/--no-denoise",
    default=None,
    help="Reduce noise before the features; by default as in training.",
)
@click.option(
    "--denoise-engine",
    type=click.Choice(("gate", "noisereduce")),
    help="Noise reduction by the built-in gate (fast) or by the noisereduce package (reference).",
)
@click.option(
    "--voice/--no-voice",
    default=True,
    show_default=True,
    help="Give no label to windows without speech; --no-voice labels all that is not silent.",
)
@click.option(
    "--min-speech",
    type=click.FloatRange(0, 3),
    default=0.25,
    show_default=True,
    metavar="SECONDS",
    help="Speech that a window must hold to be given a label; of a shorter window, half.",
)
@shared.jobs
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False),
    metavar="CSV|JSONL",
    help="Annotate also the files, or stretches (file,start,end), that this table names.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files or folders that match; repeatable.")
@click.option("--absolute", is_flag=True, help="Absolute paths in the tables.")
@click.option(
    "--root",
    type=click.Path(),
    metavar="DIR",
    help="Folder that the names in the tables are relative to; a run resumes from wherever it was before.",
)
@click.option("--any-root", is_flag=True, help="Resume although the recordings are at another path now.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    metavar="SECONDS",
    help="Longest time without a new window before a file fails; half a second for each megabyte is added.",
)
@click.option(
    "--shard",
    metavar="I/N|auto",
    help="Only part I of N, from 1/N to N/N; auto: from the job array. See `ser-batch merge`.",
)
@click.option(
    "--report", "with_report", is_flag=True, help="Write also report.html, a page to view and play."
)
@cluster.options
@click.option("--restart", is_flag=True, help="Delete the results of an earlier run in this folder first.")
@click.option("--retry-failed", is_flag=True, help="Annotate the failed files of an earlier run again.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop after more than N failed files; the run can be resumed.",
)
@click.option("--fail-fast", is_flag=True, help="Stop after the first failed file; the run can be resumed.")
@click.option("--dry-run", is_flag=True, help="Write nothing; estimate the number of files and the time.")
@click.option("--profile", is_flag=True, help="Show at the end the time of each stage in the workers.")
@shared.quiet
@shared.verbose
@shared.log_json
@configurable
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    output: str,
    formats: tuple[str, ...],
    denoise: bool | None,
    denoise_engine: str | None,
    manifest: str | None,
    quiet: bool,
    verbose: bool,
    log_json: bool,
    dry_run: bool,
    with_report: bool,
    profile: bool,
    **options: object,
) -> None:
    """Label the emotion in audio files, for each file and each segment.

    PATHS are files, folders (searched to any depth), their URLs (s3://, gs://, az://, https://), or `-` for a list of
    paths on stdin, one on each line. The tables files.csv, segments.csv and failures.csv, and run.json, are written to
    the output folder. After an interruption, the same command resumes the run.

    Exit codes: 0 every file annotated; 1 no file annotated, or the run stopped (--max-failures, a full disk);
    2 usage; 3 finished, some files failed (see failures.csv); 130 interrupted, can be resumed.
    """
    from ser_batch.cli.progress import select_display
    from ser_batch.engine.job import Options
    from ser_batch.inputs.lists import read_list, read_manifest
    from ser_batch.inputs.url import is_url, redacted
    from ser_batch.runs.dry_run import estimate_run
    from ser_batch.runs.mirror import local_folder, mirrored_output
    from ser_batch.runs.run import run

    if quiet and (verbose or log_json):
        ctx.fail("--quiet contradicts --verbose and --log-json: leave one out.")
    if with_report and ("csv" not in formats or output == "-"):
        ctx.fail("--report needs the CSV tables: add -f csv, and a folder with -o.")
    if not paths and not manifest:
        ctx.fail("PATHS are missing: name at least one file or folder.")
    inputs = chain(  # lazy: a list can name millions of files
        *(read_list(sys.stdin.buffer) if path == "-" else [path] for path in paths),
        read_manifest(manifest) if manifest else [],
    )
    if denoise is False:
        denoise_engine = "off"
    elif denoise and not denoise_engine:
        denoise_engine = "gate"
    asked = Options(formats=formats, denoise=denoise_engine, **options)  # type: ignore[arg-type]
    if output == "-" and not dry_run:
        from ser_batch.runs.stream import stream

        if formats not in (("csv",), ("jsonl",)):
            ctx.fail("-o - writes JSON lines: other formats need a folder, so leave out -f or name one.")
        with select_display(quiet, verbose, log_json, live=False) as progress:
            summary = stream(inputs, sys.stdout.fileno(), asked, progress)
            if profile:
                progress.profile(summary)
            ctx.exit(summary.exit_code)
    progress = select_display(quiet, verbose, log_json)
    if dry_run:
        with progress:
            plan = estimate_run(inputs, local_folder(output, asked.work_dir), asked, progress)
        progress.plan(plan, "stdout" if output == "-" else redacted(output))
        return
    with mirrored_output(output, asked) as folder:
        with progress:
            summary = run(inputs, folder, asked, progress)
            summary.url = redacted(output) if is_url(output) else ""
        if with_report and not (summary.interrupted or summary.stopped):
            from ser_batch.output.report.page import write_report

            summary.report = write_report(summary.folder)
    progress.summary(summary)
    if profile:
        progress.profile(summary)
    ctx.exit(summary.exit_code)
