"""Arguments and options that several commands share, as decorators."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from ser_batch.cli.events import LOG_JSON
from ser_batch.output.formats import FORMATS

corpus = click.argument("corpus", type=click.Path())
corpora = click.argument("corpora", type=click.Path(), nargs=-1, required=True, metavar="CORPUS...")
model = click.option(
    "-m",
    "--model",
    type=click.Path(),  # for completion by the shell
    default="crema-d",
    metavar="NAME|DIR",
    help="Name of a bundled model (see `ser-batch models`), or the folder of a model.",
)
formats = partial(click.option, "-f", "--format", "formats", type=click.Choice(FORMATS), multiple=True)
output_folder = partial(
    click.option, "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR"
)
jobs = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes; by default the number of cores that this process may use.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Show also a line for each file.")
log_json = click.option(
    "--log-json",
    is_flag=True,
    callback=lambda ctx, param, value: ctx.meta.setdefault(LOG_JSON, value),
    help="Write events to stderr, one JSON object for each line.",
)


def show_page(page: Path, open_it: bool) -> None:
    """Print the path of a page, and open it in the browser (`open_page`)."""
    click.echo(page)
    if open_it:
        click.launch(str(page))


open_page = click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
labels = click.option(
    "--labels",
    metavar="six|FILE",
    help="Map labels to CREMA-D's six, or by a CSV with the columns from,to; an empty `to` leaves clips out.",
)
denoise = click.option(
    "--denoise",
    type=click.Choice(("off", "gate", "noisereduce")),
    help="Noise reduction before the features; by default off. A stored table keeps its own.",
)


def adaptation(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that adapt probabilities to an archive."""
    for option in reversed(
        (
            click.option(
                "--adapt",
                is_flag=True,
                help="Shift the probabilities so that their mean over the archive is the expected one. "
                "It is wrong where emotions are not as frequent as expected: see `Your archive` in the docs.",
            ),
            click.option(
                "--adapt-by",
                metavar="LEVELS|GLOB",
                help="Adapt each folder for itself: the first LEVELS folders of the path, or the folder that matches.",
            ),
            click.option(
                "--expect",
                metavar="LABEL=SHARE,...",
                help="Expected shares of speech, such as neutral=0.6,disgust=0; other labels share the rest equally.",
            ),
        )
    ):
        command = option(command)
    return command
