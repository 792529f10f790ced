"""Command `ser-batch report`."""

from pathlib import Path

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch report annotations --open")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; by default report.html in DIR.",
)
@shared.open_page
def command(folder: Path, output: Path | None, open_it: bool) -> None:
    """Write one HTML page that shows the annotations in DIR: to view, search and play.

    DIR is an output folder of `annotate`, with files.csv, segments.csv, failures.csv and run.json. The page needs
    only a browser.
    """
    from ser_batch.output.report.page import write_report

    page = write_report(folder, output)
    click.echo(page)
    if open_it:
        click.launch(str(page))
