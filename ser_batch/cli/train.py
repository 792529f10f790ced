"""Command `ser-batch train`."""

from pathlib import Path
from typing import Any

import click

from ser_batch.cli import shared
from ser_batch.cli.config import configurable


@click.command(epilog="Example: ser-batch train CREMA-D -o my-model --set epochs=10")
@shared.corpora
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Folder for the model.",
)
@click.option("--recipe", default="fast", metavar="fast|large|FILE", help="Training options.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key of the recipe; repeatable."
)
@click.option(
    "--init-from", "--fine-tune", "init_from", metavar="DIR", help="Fine-tune this model, or a bundled one."
)
@click.option(
    "--average",
    multiple=True,
    metavar="DIR",
    help="Average the probabilities of these models; train nothing.",
)
@shared.labels
@click.option("--features", type=click.Choice(("mfcc", "logmel")), help="Input of the network.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of each stage, at most.")
@click.option("--seed", type=int, default=0, help="Of all random numbers.")
@click.option(
    "--validation",
    type=float,
    default=0.12,
    metavar="SHARE",
    help="Speakers to stop training.",
)
@click.option("--test", type=float, default=0.15, metavar="SHARE", help="Speakers for the figures.")
@click.option("--test-fold", metavar="FOLD", help="Hold out this fold of the corpus instead.")
@click.option("--cross-validate", is_flag=True, help="Hold out each fold once, then train on all.")
@click.option("--folds", type=int, default=5, metavar="N", help="If the corpus has none.")
@click.option("--rooms", multiple=True, metavar="CORPUS", help="Measure on this corpus too; repeatable.")
@shared.denoise
@click.option("--resume", is_flag=True, help="Continue an interrupted training in DIR.")
@shared.jobs
@shared.quiet
@configurable
def command(
    corpora: tuple[str, ...], output: Path, settings: tuple[str, ...], quiet: bool, **options: Any
) -> None:
    """Train a model on CORPUS, or on several together.

    CORPUS: a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder an emotion, a CSV file with
    the columns file,label[,speaker], or a table stored by `ser-batch features`.
    """
    import shlex
    import sys

    from rich.console import Console

    import ser_batch
    from ser_batch.evaluation.terminal_tables import card_tables
    from ser_batch.training.recipe import parse_settings

    typed = shlex.join(["ser-batch", *sys.argv[1:]])
    changes = parse_settings(settings)
    try:
        bundle = ser_batch.train(
            list(corpora), output, settings=changes, progress=not quiet, command=typed, **options
        )
    except KeyboardInterrupt:
        from ser_batch.training.fitting import CHECKPOINTS

        if not any(output.rglob(CHECKPOINTS)):
            raise
        resume = "" if options["resume"] else " --resume"
        stopped = click.ClickException(
            f"interrupted: to continue after the last whole epoch: {typed}{resume}"
        )
        stopped.exit_code = 130  # type: ignore[misc]
        raise stopped from None
    if not quiet:
        Console(stderr=True).print(*card_tables(bundle.card))
    click.echo(f"{bundle.name} is in {bundle.path}: ser-batch annotate --model {bundle.path} …", err=True)
