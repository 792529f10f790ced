"""`ser-batch merge`."""

from pathlib import Path

import click

from ser_batch.cli import shared


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the tables; by default DIR, if there is one.",
)
@shared.formats(help="Format of the tables; may be repeated. By default those of the shards.")
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Go without shards that are missing or not complete; the exit code is 3 then.",
)
@click.option("--any-root", is_flag=True, help="The shards saw one archive, though at different places.")
@shared.quiet
@shared.log_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    folders: tuple[str, ...],
    output: Path | None,
    quiet: bool,
    log_json: bool,
    **options: object,
) -> None:
    """Join what the tasks of a job array annotated with `--shard` into the tables of one run.

    DIR is the output folder of the tasks, or each folder if they had several. No audio is read.

    Exit codes: 0 joined, everything annotated; 1 not joined (a shard is missing, the settings differ, a full disk), or
    every file failed; 2 usage; 3 joined, but some files failed or shards are missing.
    """
    from ser_batch.cli.progress import chosen
    from ser_batch.inputs.url import is_url
    from ser_batch.runs.merging import merge

    if any(map(is_url, folders)):
        ctx.fail("Copy the output folders from the store to a local one first, with .journal and shards.")
    if output is None and len(folders) > 1:
        ctx.fail("Name the folder for the tables with -o.")
    parts = [Path(folder) for folder in folders]
    summary = merge(parts, output or parts[0], **options)  # type: ignore[arg-type]
    chosen(quiet, log_json=log_json).summary(summary)
    ctx.exit(summary.exit_code)
