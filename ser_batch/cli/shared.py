"""Arguments and options that several commands have, as decorators."""

import click

corpus = click.argument("corpus", type=click.Path())
jobs = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes; by default as many as the cores this process may use.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
denoise = click.option(
    "--denoise",
    type=click.Choice(("off", "gate", "noisereduce")),
    default="off",
    show_default=True,
    help="Noise reduction before the features; a stored table keeps its own.",
)
