"""`ser-batch report`."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; by default report.html in DIR.",
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
def command(folder: Path, output: Path | None, open_it: bool) -> None:
    """Write one HTML page that shows what `annotate` wrote into DIR: to look at, search and listen to.

    It is made from files.csv, segments.csv, failures.csv and run.json, and needs nothing but a browser.
    """
    from ser_batch.output.report.page import write_report

    page = write_report(folder, output)
    click.echo(page)
    if open_it:
        click.launch(str(page))
