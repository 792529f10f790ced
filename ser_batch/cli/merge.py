"""Command `ser-batch merge`."""

from pathlib import Path

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch merge annotations")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...")
@shared.output_folder(help="Folder for the tables; by default DIR, if there is only one.")
@shared.formats(help="Format of the tables, repeatable; by default the formats of the shards.")
@click.option("--allow-missing", is_flag=True, help="Leave out missing or incomplete shards; exit code 3.")
@click.option("--any-root", is_flag=True, help="Accept shards that had the same archive at different paths.")
@shared.adaptation
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
    """Join the shards of a job array (`annotate --shard`) into the tables of one run.

    DIR is the output folder of all tasks, or each folder if the tasks had several. No audio is read.

    Exit codes: 0 joined, every file annotated; 1 not joined (a shard is missing, the settings differ, a full disk), or
    every file failed; 2 usage; 3 joined, but some files failed or shards are missing.
    """
    from ser_batch.cli.progress import select_display
    from ser_batch.inputs.url import is_url
    from ser_batch.runs.merging import merge

    if any(map(is_url, folders)):
        ctx.fail("DIR is a URL: copy the output folders to this machine first, with .journal and shards.")
    if output is None and len(folders) > 1:
        ctx.fail("Several DIR and no folder for the tables: name one with -o.")
    parts = [Path(folder) for folder in folders]
    summary = merge(parts, output or parts[0], **options)  # type: ignore[arg-type]
    select_display(quiet, log_json=log_json).summary(summary)
    ctx.exit(summary.exit_code)
