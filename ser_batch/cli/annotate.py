"""`ser-batch annotate`."""

import sys
from itertools import chain

import click

from ser_batch.cli import cluster, shared
from ser_batch.cli.config import configurable


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(), metavar="PATHS...")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    default="annotations",
    show_default=True,
    metavar="DIR|-",
    help="Folder for the tables, made if need be, or its URL; `-` streams rows to stdout, as JSON lines.",
)
@click.option(
    "--work-dir",
    type=click.Path(),
    metavar="DIR",
    help="Where the tables are made if -o is a URL; by default in the user's cache.",
)
@shared.formats(default=("csv",), show_default=True, help="Format of the tables; may be repeated.")
@click.option(
    "--merge-consecutive", is_flag=True, help="Show neighbouring segments of one label as one segment."
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Show no label that is less probable than P: the status is `uncertain` then.",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    default=1,
    metavar="K",
    help="Add columns for the second to the K-th most probable label.",
)
@shared.model
@click.option(
    "--window",
    type=float,
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="Length of a segment, at most the model's.",
)
@click.option(
    "--hop",
    type=float,
    default=1.5,
    show_default=True,
    metavar="SECONDS",
    help="From the start of a segment to the start of the next.",
)
@click.option(
    "--denoise/--no-denoise",
    default=None,
    help="Reduce noise before the features; by default as the model was trained.",
)
@click.option(
    "--denoise-engine",
    type=click.Choice(("gate", "noisereduce")),
    help="The gate on our own spectrum (fast), or the noisereduce package (its reference).",
)
@shared.jobs
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False),
    metavar="CSV|JSONL",
    help="Take the files that this table names, too.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match; may be repeated.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="No files or folders that match; may be repeated."
)
@click.option("--absolute", is_flag=True, help="Absolute paths in the tables.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up on a file that yields nothing for so long, plus half a second a megabyte.",
)
@click.option(
    "--shard",
    metavar="I/N|auto",
    help="Only part I of N, from 1/N to N/N; auto: as the scheduler's job array says. See `ser-batch merge`.",
)
@click.option(
    "--report",
    "with_report",
    is_flag=True,
    help="Write report.html, too: one page to look at, search and listen to.",
)
@cluster.options
@click.option("--restart", is_flag=True, help="Forget what an earlier run into this folder has done.")
@click.option("--retry-failed", is_flag=True, help="Try files again that failed in an earlier run.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop, resumably, when more than N files have failed.",
)
@click.option("--fail-fast", is_flag=True, help="Stop, resumably, when a file has failed.")
@click.option(
    "--dry-run", is_flag=True, help="Write nothing; tell what would be done, and how long it would take."
)
@click.option("--profile", is_flag=True, help="Tell at the end what the workers' time went to.")
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
    """Label the emotion heard in each audio file under PATHS, and in each segment of it.

    PATHS are files, directories (searched to any depth), URLs of such (s3://, gs://, az://, https://) or `-` for a
    list of paths on stdin, one a line.
    The tables come to the output folder: files.csv, segments.csv, failures.csv and run.json. Running the same
    command again resumes where an earlier run stopped.

    Exit codes: 0 everything annotated; 1 nothing could be, or the run could not go on (--max-failures, a full
    disk); 2 usage; 3 finished, but some files failed (see failures.csv); 130 interrupted, resumable.
    """
    from ser_batch.cli.progress import chosen
    from ser_batch.engine.job import Options
    from ser_batch.inputs.lists import read_list, read_manifest
    from ser_batch.inputs.url import is_url, redacted
    from ser_batch.runs.dry_run import estimate_run
    from ser_batch.runs.mirror import local_folder, mirrored_output
    from ser_batch.runs.run import run

    if quiet and (verbose or log_json):
        ctx.fail("--quiet goes with neither --verbose nor --log-json.")
    if with_report and ("csv" not in formats or output == "-"):
        ctx.fail("--report is made from the CSV tables: it takes -f csv and a folder.")
    if not paths and not manifest:
        ctx.fail("Name at least one file or directory.")
    inputs = chain(  # lazily: a list may name millions
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
            ctx.fail("-o - streams JSON lines; other formats need a folder.")
        with chosen(quiet, verbose, log_json, live=False) as progress:
            summary = stream(inputs, sys.stdout.fileno(), asked, progress)
            if profile:
                progress.profile(summary)
            ctx.exit(summary.exit_code)
    progress = chosen(quiet, verbose, log_json)
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
