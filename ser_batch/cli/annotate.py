"""`ser-batch annotate`."""

import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path

import click

from ser_batch.cli import shared

FORMATS = ("csv", "json")


@click.command()
@click.argument("paths", nargs=-1, metavar="PATHS...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("annotations"),
    show_default=True,
    metavar="DIR",
    help="Folder for the tables; made if need be.",
)
@click.option(
    "-f",
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    default=("csv",),
    show_default=True,
    help="Format of the tables; may be repeated.",
)
@click.option(
    "-m",
    "--model",
    default="crema-d",
    show_default=True,
    metavar="NAME|DIR",
    help="A bundled model (see `ser-batch models`) or the folder of one.",
)
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
@click.option("--restart", is_flag=True, help="Forget what an earlier run into this folder has done.")
@click.option("--retry-failed", is_flag=True, help="Try files again that failed in an earlier run.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop, resumably, when more than N files have failed.",
)
@click.option("--fail-fast", is_flag=True, help="Stop, resumably, when a file has failed.")
@shared.quiet
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    output: Path,
    formats: tuple[str, ...],
    denoise: bool | None,
    denoise_engine: str | None,
    manifest: str | None,
    quiet: bool,
    **options: object,
) -> None:
    """Label the emotion heard in each audio file under PATHS, and in each segment of it.

    PATHS are files, directories (searched to any depth) or `-` for a list of paths on stdin, one a line.
    The tables come to the output folder: files.csv, segments.csv, failures.csv and run.json. Running the same
    command again resumes where an earlier run stopped.

    Exit codes: 0 everything annotated; 1 nothing could be, or the run could not go on (--max-failures, a full
    disk); 2 usage; 3 finished, but some files failed (see failures.csv); 130 interrupted, resumable.
    """
    from ser_batch.cli.progress import chosen, show_summary
    from ser_batch.corpus.lists import read_list, read_manifest
    from ser_batch.engine.job import Options
    from ser_batch.engine.run import run

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
    summary = run(inputs, output, Options(formats=formats, denoise=denoise_engine, **options), chosen(quiet))  # type: ignore[arg-type]
    if summary.stopped or not quiet:
        with suppress(OSError, SystemExit):  # nobody reads it; rich exits then
            show_summary(summary)
    ctx.exit(summary.exit_code)
