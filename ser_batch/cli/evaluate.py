"""`ser-batch evaluate`."""

from pathlib import Path

import click

from ser_batch.cli import shared


@click.command()
@shared.corpus
@click.option(
    "--model", default="crema-d", show_default=True, metavar="NAME|DIR", help="Model, by name or directory."
)
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
@shared.jobs
@shared.quiet
def command(
    corpus: str, model: str, output: Path | None, only: tuple[str, ...], jobs: int | None, quiet: bool
) -> None:
    """Measure a model on CORPUS: accuracy, UAR, macro-F1, calibration, confusion matrix, figures by group.

    CORPUS is a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder an emotion, a CSV file
    with the columns file,label[,speaker], or a table stored by `ser-batch features`.
    """
    from rich.console import Console

    import ser_batch

    where = dict(_condition(text) for text in only)
    evaluation = ser_batch.evaluate(corpus, model, output, where=where, jobs=jobs, progress=not quiet)
    Console().print(evaluation.render())
    if output is not None:
        click.echo(f"The predictions are in {output}", err=True)


def _condition(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not of the form COLUMN=VALUE.", param_hint="--only")
    return column, value
