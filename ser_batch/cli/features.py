"""Command `ser-batch features`."""

from pathlib import Path
from typing import Any

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch features CREMA-D -o features.npz")
@shared.corpora
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="TABLE.npz",
    help="File to write the table to.",
)
@shared.labels
@shared.denoise
@click.option(
    "--views",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Store also N copies of each clip in other rooms (noise floor, reverberation, codec …), for `train`.",
)
@click.option("--noise", type=click.Path(), metavar="DIR", help="Recorded noise for the views.")
@shared.jobs
@shared.quiet
def command(corpora: tuple[str, ...], output: Path, quiet: bool, **options: Any) -> None:
    """Compute the feature table of CORPUS, or of several together: what `train` would compute anew each time.

    CORPUS is a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder an emotion, or a
    CSV file with the columns file,label[,speaker].
    """
    import ser_batch

    table = ser_batch.features(list(corpora), output, progress=not quiet, **options)
    click.echo(f"{len(table):,} clips of {len(set(table.speakers)):,} speakers in {output}", err=True)
