"""Arguments and options that several commands have, as decorators."""

from functools import partial

import click

from ser_batch.cli.events import LOG_JSON
from ser_batch.output.formats import FORMATS

corpus = click.argument("corpus", type=click.Path())
corpora = click.argument("corpora", type=click.Path(), nargs=-1, required=True, metavar="CORPUS...")
model = click.option(
    "-m",
    "--model",
    type=click.Path(),  # so that a shell completes it
    default="crema-d",
    show_default=True,
    metavar="NAME|DIR",
    help="A bundled model (see `ser-batch models`) or the folder of one.",
)
formats = partial(click.option, "-f", "--format", "formats", type=click.Choice(FORMATS), multiple=True)
jobs = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes; by default as many as the cores this process may use.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Show a line for each file, too.")
log_json = click.option(
    "--log-json",
    is_flag=True,
    callback=lambda ctx, param, value: ctx.meta.setdefault(LOG_JSON, value),
    help="Tell what happens as JSON, an event a line, on stderr.",
)
labels = click.option(
    "--labels",
    metavar="six|FILE",
    help="What labels become: CREMA-D's six, or a CSV with the columns from,to; an empty `to` leaves clips out.",
)
denoise = click.option(
    "--denoise",
    type=click.Choice(("off", "gate", "noisereduce")),
    help="Noise reduction before the features, off by default; a stored table keeps its own.",
)
