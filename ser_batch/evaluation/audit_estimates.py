"""Estimates about a whole archive from a stratified sample that was listened to, with 95 % intervals.

Point estimates weight each item by the size of its stratum over the items drawn from it. Intervals come from
repeated completion of the finite archive: in each stratum, the units that nobody listened to are drawn from a
Dirichlet-multinomial distribution given those that were (the Pólya posterior of M. Ghosh and G. Meeden, "Bayesian
Methods for Finite Population Sampling", 1997, with a weak prior, so that a stratum without errors is not certain).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 2_000
PRIOR = 2.0  # items that the prior of a stratum counts as
SMOOTHING = 0.3  # added to each cell of the table that the prior is made from
LEVEL = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def cross_validated(self, folds: int) -> "Estimate":
        """The same figure of held-out answers: the folds share labels, so the interval must be wider.

        Source of the factor: C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52,
        2003.
        """
        factor = (1 + folds / (folds - 1)) ** 0.5
        low = self.value - factor * (self.value - self.low)
        high = self.value + factor * (self.high - self.value)
        # kappa alone may be below 0
        return Estimate(self.value, max(low, 0.0 if self.low >= 0 else -1.0), min(high, 1.0))


class Sample:
    """Items that were listened to, and the strata of the archive that they stand for."""

    def __init__(self, stratum: Ints, archive: Ints):
        """Post-stratify; a stratum without items counts as part of its neighbour.

        Args:
            stratum: `[items]`, as `audit_sample.strata` numbers them.
            archive: `[units]`, the stratum of each unit of the archive.
        """
        listened = np.unique(stratum)
        self._stratum = np.searchsorted(listened, stratum)
        self._sizes = np.bincount(_nearest(archive, listened), minlength=len(listened))
        self._counts = np.bincount(self._stratum, minlength=len(listened))
        self._sizes = np.maximum(self._sizes, self._counts)

    @property
    def weights(self) -> Floats:
        """`[items]`, sum 1: what part of the archive each item stands for."""
        return (self._sizes / self._counts / self._sizes.sum())[self._stratum]

    def estimate(self, cells: Floats, figure: Callable[[Floats], Floats]) -> list[Estimate]:
        """Estimate figures of a cross-table of the whole archive.

        Args:
            cells: `[items, rows, columns]`, what each item adds to the table; each sums to 1. Columns are what is
                known of every unit, such as the predicted label.
            figure: from tables `[tables, rows, columns]` of shares to `[tables, figures]`.
        """
        tables = np.concatenate([self._weighted(cells)[np.newaxis], self._completed(cells)])
        values = figure(tables)
        lows, highs = np.quantile(values[1:], LEVEL, axis=0)
        return [
            Estimate(float(value), float(min(value, low)), float(max(value, high)))
            for value, low, high in zip(values[0], lows, highs, strict=True)
        ]

    def _weighted(self, cells: Floats) -> Floats:
        return (self.weights[:, np.newaxis, np.newaxis] * cells).sum(axis=0)

    def _completed(self, cells: Floats) -> Floats:
        """Tables `[DRAWS, rows, columns]` of the archive with what nobody listened to filled in at random."""
        random = np.random.default_rng(len(cells))
        shape = cells.shape[1:]
        pooled = cells.sum(axis=0) + SMOOTHING
        of_column = pooled / pooled.sum(axis=0)  # share of each row in a column, over all strata
        tables = np.zeros((DRAWS, *shape))
        for number, (size, count) in enumerate(zip(self._sizes, self._counts, strict=True)):
            seen = cells[self._stratum == number].sum(axis=0)
            prior = PRIOR * of_column * seen.sum(axis=0) / count
            # as variable as the estimate of a mean from `count` items: with `count` itself intervals are too narrow
            belief = (seen + prior) / (count + PRIOR) * max(count - 1, 1)
            shares = random.dirichlet(np.maximum(belief, 1e-9).ravel(), DRAWS)
            tables += seen + random.multinomial(size - count, shares).reshape(DRAWS, *shape)
        return tables / self._sizes.sum()


def _nearest(archive: Ints, listened: Ints) -> Ints:
    """For each unit the index of the nearest stratum with items, of the same label if there is one."""
    distance = np.abs(archive[:, np.newaxis] - listened) + 100 * (
        archive[:, np.newaxis] // 2 != listened // 2
    )
    return distance.argmin(axis=1)


def joint_cells(votes: Floats, predicted: Ints) -> Floats:
    """Cells `[items, answers, labels]` from `[items, answers]` votes that sum to 1 and predicted labels.

    Answers are the labels, and after them what is none of them.
    """
    return votes[:, :, np.newaxis] * np.eye(votes.shape[1] - 1)[predicted][:, np.newaxis, :]


def figures(tables: Floats) -> Floats:
    """Accuracy, UAR, kappa, and the share of each answer, `[tables, 3 + answers]`, from `joint_cells`' tables.

    UAR is the mean recall of the labels that the first table has; kappa is Cohen's (1960), where answers that are
    no label always disagree.
    """
    k = tables.shape[2]
    hits = np.diagonal(tables, axis1=1, axis2=2)
    actual, predicted = tables.sum(axis=2), tables.sum(axis=1)
    occurring = actual[0, :k] > 0
    recall = hits[:, occurring] / np.maximum(actual[:, :k][:, occurring], 1e-12)
    accuracy = hits.sum(axis=1)
    by_chance = (actual[:, :k] * predicted).sum(axis=1)
    kappa = (accuracy - by_chance) / np.maximum(1 - by_chance, 1e-12)
    return np.column_stack([accuracy, recall.mean(axis=1), kappa, actual])


def agreement(votes: NDArray[np.int64], weights: Floats) -> Estimate:
    """Fleiss' kappa between listeners (1971), with an interval from the Bayesian bootstrap (D. Rubin, 1981).

    Args:
        votes: `[items, answers]`, how many listeners gave each answer, of items with two listeners or more.
        weights: `[items]`, what part of the archive each item stands for.
    """
    n = votes.sum(axis=1)
    agreed = (votes * (votes - 1)).sum(axis=1) / (n * (n - 1))
    shares = votes / n[:, np.newaxis]

    def kappa(weight: Floats) -> Floats:
        weight = weight / weight.sum(axis=1, keepdims=True)
        by_chance = ((weight @ shares) ** 2).sum(axis=1)
        return (weight @ agreed - by_chance) / np.maximum(1 - by_chance, 1e-12)

    drawn = np.random.default_rng(len(votes)).dirichlet(np.ones(len(votes)), DRAWS)
    value = float(kappa(weights[np.newaxis])[0])
    low, high = np.quantile(kappa(drawn * weights), LEVEL)
    return Estimate(value, min(value, float(low)), max(value, float(high)))
