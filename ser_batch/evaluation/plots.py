"""Plots of a training and of an evaluation, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.evaluation import metrics
from ser_batch.output import figures

DPI = 130


def save_curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Accuracy and loss over the epochs, on training and validation speakers; `history` as in history.csv."""
    figure, [(left, right)] = figures.subplots(1, 2, (10, 4))
    epochs = [row["epoch"] for row in history]
    for column, style in (("accuracy", "C0--"), ("val_accuracy", "C0-"), ("val_uar", "C2-")):
        _line(left, epochs, history, column, style)
    for column, style in (("loss", "C1--"), ("val_loss", "C1-")):
        _line(right, epochs, history, column, style)
    left.set(title="Accuracy", xlabel="epoch", ylim=(0, 1))
    right.set(title="Loss", xlabel="epoch")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figures.save(figure, path, DPI)


def save_confusion(confusion: NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Confusion matrix: counts, coloured by the share of the actual class."""
    figure, [(axes,)] = figures.subplots(1, 1, (1.5 + 0.8 * len(labels), 1 + 0.8 * len(labels)))
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(confusion.shape):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{confusion[row, column]}\n{share[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="actual")
    figures.save(figure, path, DPI)


def save_reliability(probabilities: NDArray[np.float64], actual: NDArray[np.int64], path: Path) -> None:
    """Reliability diagram: how often predictions of each confidence are right."""
    figure, [(axes,)] = figures.subplots(1, 1, (5, 4.5))
    count, confidence, right = metrics.calibration_bins(probabilities, actual)
    edges = np.linspace(0, 1, len(count) + 1)
    axes.bar(edges[:-1], right, width=1 / len(count), align="edge", alpha=0.35, edgecolor="C0")
    axes.plot([0, 1], [0, 1], "k:", linewidth=1)
    axes.plot(confidence[count > 0], right[count > 0], "C0o-", markersize=4)
    error = metrics.expected_calibration_error(probabilities, actual)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), title=f"ECE {error:.3f}")
    figures.save(figure, path, DPI)


def save_corpora(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """UAR, calibration error and shares of the given labels of each corpus; `rows` as of `several.Evaluations.rows`."""
    figure, [(left, right)] = figures.subplots(1, 2, (10, 1.5 + 0.4 * len(rows)))
    place = np.arange(len(rows))
    for shift, name, title in ((-0.2, "uar", "UAR"), (0.2, "ece", "ECE")):
        left.barh(place + shift, [row[name] for row in rows], height=0.4, label=title)
    start = np.zeros(len(rows))
    for name in (name for name in rows[0] if name.startswith("share_")):
        shares = np.array([row[name] for row in rows])
        right.barh(place, shares, left=start, height=0.7, label=name.removeprefix("share_"))
        start += shares
    left.set_yticks(place, [row["corpus"] for row in rows])
    right.set_yticks(place, [""] * len(rows))
    left.set(title="UAR and calibration error", xlim=(0, 1))
    right.set(title="labels given, shares of the clips", xlim=(0, 1))
    for axes in (left, right):
        axes.invert_yaxis()
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
    figures.save(figure, path, DPI)


def _line(
    axes: Any, epochs: list[float], history: Sequence[Mapping[str, float]], column: str, style: str
) -> None:
    if column in history[0]:
        axes.plot(epochs, [row[column] for row in history], style, label=column.replace("_", " "))
