"""Arguments and options that several commands have, as decorators."""

import click

corpus = click.argument("corpus", type=click.Path())
corpora = click.argument("corpora", type=click.Path(), nargs=-1, required=True, metavar="CORPUS...")
jobs = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes; by default as many as the cores this process may use.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
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
