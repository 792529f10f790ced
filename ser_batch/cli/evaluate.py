"""Command `ser-batch evaluate`."""

from pathlib import Path
from typing import Any

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch evaluate CREMA-D --model my-model --held-out")
@shared.corpora
@shared.model
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Directory for metrics.json, predictions.csv and the confusion matrix as CSV and PNG.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only clips with this attribute, e.g. fold=2 or sex=female; repeatable.",
)
@click.option(
    "--held-out", is_flag=True, help="Only the speakers that the model's training held out for test."
)
@click.option(
    "--noise",
    multiple=True,
    metavar="white|DIR",
    help="Measure under noise, too: white noise, or the noise recorded in a folder; repeatable.",
)
@click.option(
    "--snr",
    type=float,
    multiple=True,
    default=(20, 10, 5, 0),
    show_default=True,
    metavar="DB",
    help="Signal-to-noise ratio for --noise; repeatable.",
)
@shared.labels
@shared.jobs
@shared.quiet
def command(
    corpora: tuple[str, ...],
    model: str,
    output: Path | None,
    only: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> None:
    """Measure a model on CORPUS: accuracy, UAR, macro-F1, calibration, confusion matrix, figures by group.

    Several corpora are measured one by one: one table, a row for each corpus and their mean.

    CORPUS is a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder an emotion, a CSV file
    with the columns file,label[,speaker], or a table stored by `ser-batch features`.
    """
    from rich.console import Console

    import ser_batch

    where = dict(_condition(text) for text in only)
    options |= {"where": where, "progress": not quiet}
    if len(corpora) == 1:
        Console().print(ser_batch.evaluate(corpora[0], model, output, **options).render())
    else:
        Console().print(ser_batch.evaluate_all(corpora, model, output, **options).render())
    if output is not None:
        click.echo(f"The predictions are in {output}", err=True)


def _condition(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(
            f"{text!r}: not of the form COLUMN=VALUE: give, for example, fold=2", param_hint="--only"
        )
    return column, value
