"""`ser-batch explore`."""

from pathlib import Path
from typing import Any

import click

from ser_batch.cli import shared


@click.command()
@shared.corpus
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="explored",
    show_default=True,
    metavar="DIR",
    help="Folder for the page, its pictures and sounds, and the tables.",
)
@shared.labels
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Draw other examples than the typical ones."
)
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Decode every clip, to find those that look broken; or else read their headers alone.",
)
@shared.jobs
@shared.quiet
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
def command(corpus: str, output: Path, quiet: bool, open_it: bool, **options: Any) -> None:
    """Look at CORPUS and listen to it before training: counts, clips that look broken, examples, augmentations.

    CORPUS is a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder an emotion, a CSV file
    with the columns file,label[,speaker], or a table stored by `ser-batch features`, which holds no audio.
    """
    import ser_batch

    page = ser_batch.explore(corpus, output, progress=not quiet, **options)
    click.echo(page)
    if open_it:
        click.launch(str(page))
