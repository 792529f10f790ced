"""Command `ser-batch calibrate`."""

from pathlib import Path
from typing import Any

import click

# Words for the lower bound of kappa: it must exceed these to be called so (after Landis and Koch, 1977).
WORTH = (
    (0.6, "substantial: single labels may be used, with their confidence"),
    (
        0.4,
        "moderate: use the shares of many recordings, and listen to a recording before you rely on its label",
    ),
    (0.2, "fair: use the shares of many recordings only"),
    (
        0.0,
        "slight: the labels are better than chance, and no more is sure: label more recordings, or do not use them",
    ),
)
NOTHING = "The labels are not shown to be better than chance: do not use them, or label more recordings."


@click.command(epilog="Example: ser-batch calibrate annotations audit.csv")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument(
    "labels",
    metavar="LABELS.csv...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write only the calibration, here; by default calibration.json in DIR, and the tables of DIR anew.",
)
@click.option(
    "--undo", "undo_it", is_flag=True, help="Remove the calibration of DIR, and write its tables without it."
)
@click.pass_context
def command(
    ctx: click.Context, folder: Path, labels: tuple[Path, ...], output: Path | None, undo_it: bool
) -> None:
    """Tell what the labels in DIR are worth, and calibrate them, by recordings that people labelled.

    LABELS.csv are audit.csv files of `ser-batch audit`, or any tables with the columns file, label, and perhaps
    start, end and listener. All figures are estimates for the whole archive, with 95 % intervals. Figures after
    calibration are cross-validated. The uncalibrated probabilities stay in DIR: see --undo.
    """
    from ser_batch.api.archive import calibrate, uncalibrate

    if undo_it:
        if labels:
            ctx.fail("--undo: it takes no answers: leave LABELS.csv out.")
        uncalibrate(folder)
        click.echo(f"{folder}: not calibrated any more")
        return
    if not labels:
        ctx.fail("LABELS.csv: missing: name at least one file of answers.")
    for line in _lines(calibrate(folder, labels, output)):
        click.echo(line)
    click.echo(
        f"calibration in {output or folder / 'calibration.json'}"
        + ("" if output else f"; tables in {folder}")
    )


def _lines(document: dict[str, Any]) -> list[str]:
    """The estimates as text."""
    before, after = document["before"], document["after"]
    listeners = document["listeners"]
    lines = [
        f"{document['listened']} {document['level']}, {document['with_emotion']} of them with an emotion of the model; "
        f"{listeners} listener{'s' if listeners > 1 else ''}"
    ]
    if document["unknown"]:
        lines.append(f"{document['unknown']} answers name no recording with a label: left out")
    lines += ["", f"{'':<10}{'as annotated':<22}calibrated"]
    lines += [
        f"{name:<10}{_text(before[name]):<22}{_text(after[name])}" for name in ("accuracy", "uar", "kappa")
    ]
    if document["between_listeners"]:
        lines.append(f"kappa between listeners: {_text(document['between_listeners'])}")
    lines += ["", f"{'share of':<10}{'predicted':<12}{'estimated':<20}recall calibrated"]
    for label, share in document["shares"].items():
        recall = _text(after["confusion"][label][label]) if label != "other" and share["estimated"][0] else ""
        lines.append(
            f"{label:<10}{share['predicted']:<12.2f}{_text(share['estimated']):<20}{recall}".rstrip()
        )
    lines += ["", f"{'calibrated confidence':<23}{'mean':<7}right"]
    for each in after["reliability"]:
        lines.append(
            f"{each['from']:.1f} to {each['to']:.1f} ({each['listened']})".ljust(23)
            + f"{each['confidence']:<7.2f}{_text(each['accuracy'])}"
        )
    return [*lines, "", _worth(document), ""]


def _worth(document: dict[str, Any]) -> str:
    """What the labels are worth, in a sentence."""
    share, label = max((each["estimated"][0], label) for label, each in document["shares"].items())
    low = document["after"]["kappa"][1]
    words = next((f"Agreement beyond chance is {words}." for least, words in WORTH if low > least), NOTHING)
    accuracy = document["after"]["accuracy"][0]
    return (
        f"Right in about {accuracy:.0%} of the {document['level']}; `{label}` for all of them would be right in about "
        f"{share:.0%}. {words}"
    )


def _text(estimate: list[float]) -> str:
    value, low, high = estimate
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
