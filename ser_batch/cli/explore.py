"""Command `ser-batch explore`."""

from pathlib import Path
from typing import Any

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch explore CREMA-D -o explored --open")
@shared.corpus
@shared.output_folder(default="explored", help="Folder for the page with its pictures, sounds and tables.")
@shared.labels
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Draw other examples by this seed.")
@click.option(
    "--check/--no-check",
    default=True,
    help="Decode every clip to find broken ones, or read only the headers.",
)
@shared.jobs
@shared.quiet
@shared.open_page
def command(corpus: str, output: Path, quiet: bool, open_it: bool, **options: Any) -> None:
    """Show a corpus before training, as a page: counts, broken clips, example sounds, augmentations.

    CORPUS is a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder for each emotion, a CSV
    file with the columns file,label[,speaker], or a table stored by `ser-batch features`, which has no audio.
    """
    import ser_batch

    page = ser_batch.explore(corpus, output, progress=not quiet, **options)
    shared.show_page(page, open_it)
