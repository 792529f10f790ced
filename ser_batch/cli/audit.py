"""Command `ser-batch audit`."""

from pathlib import Path

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch audit annotations -n 60 --open")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-n",
    "n",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Number of recordings to listen to.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; by default audit.html in DIR. With --terminal the answers; by default audit.csv in DIR.",
)
@click.option(
    "--level",
    type=click.Choice(("files", "segments")),
    help="Listen to whole files or to segments; by default to files, if they are short.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the sample.")
@click.option("--show-names", is_flag=True, help="Show the names of the files, which may tell the answer.")
@click.option("--terminal", is_flag=True, help="Play the recordings here, with a player of the system.")
@click.option("--listener", default="", help="With --terminal: name of the listener.")
@shared.open_page
def command(
    folder: Path,
    n: int,
    output: Path | None,
    level: str | None,
    seed: int,
    show_names: bool,
    terminal: bool,
    listener: str,
    open_it: bool,
) -> None:
    """Draw a sample of the recordings in DIR, to be listened to and labelled without knowing the predicted labels.

    DIR is an output folder of `annotate` or `merge`. The result is one HTML page with the audio in it: open it in a
    browser, or send it to somebody. It saves the answers as audit.csv, which `ser-batch calibrate` reads.
    """
    from ser_batch.api.archive import audit, audit_on_terminal

    if terminal:
        answers, left = audit_on_terminal(
            folder, output, listener, click.getchar, click.echo, n=n, level=level, seed=seed
        )
        click.echo(f"{answers}: {left} recordings left" if left else answers)
        return
    page = audit(folder, output, n=n, level=level, seed=seed, names=show_names)
    shared.show_page(page, open_it)
