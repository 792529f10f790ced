"""Adaptation of a model's probabilities to an archive: offsets for expected shares, or a fit to labels.

Both change logits linearly: `factor * log(p) + offsets`, one factor and one offset a class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_batch.model.runtime import softmax

Floats = NDArray[np.float64]

SHARE = 10_000  # probabilities are stored in ten-thousandths
FLOOR = 0.5 / SHARE  # in place of a stored 0, whose logarithm is not finite
ABSENT = -30.0  # offset of a class that the archive does not contain
PENALTIES = (1.0, 3.0, 10.0)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class LogitMap:
    """`factor * log(p) + offsets`, then a softmax; `offsets` is `[classes]`."""

    factor: float
    offsets: Floats

    def apply(self, probabilities: Floats) -> Floats:
        """Adapted probabilities, `[n, classes]` as given; rows that are 0 (no label) stay 0."""
        adapted = softmax(self.factor * log_probabilities(probabilities) + self.offsets, 1.0)
        return np.where(probabilities.sum(axis=1, keepdims=True) > 0, adapted, 0.0)


def log_probabilities(probabilities: Floats) -> Floats:
    """Logits up to a constant a row: the logarithm of stored probabilities, with `FLOOR` in place of 0."""
    return np.log(np.maximum(probabilities, FLOOR))


def offsets_for(probabilities: Floats, weights: Floats, expected: Floats) -> Floats:
    """Find the offsets on the logits that make the weighted mean of the probabilities equal to expected shares.

    The offsets minimise a convex function, the mean of log sum exp(logits + offsets) less expected · offsets,
    whose gradient is the difference between the two means.

    Args:
        probabilities: `[n, classes]`.
        weights: `[n]`, such as speech ratios.
        expected: `[classes]`, sum 1; 0 for a class that does not occur.

    Returns:
        `[classes]`, rounded to six decimals; their mean over classes that occur is 0, `ABSENT` for the others.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    occurring = expected > 0
    logits = log_probabilities(probabilities)[:, occurring]
    share = weights / weights.sum()

    def objective(offsets: Floats) -> tuple[float, Floats]:
        shifted = logits + offsets
        log_total = logsumexp(shifted, axis=1)
        mean = (share[:, np.newaxis] * np.exp(shifted - log_total[:, np.newaxis])).sum(axis=0)
        value = (share * log_total).sum() - (expected[occurring] * offsets).sum()
        return float(value), mean - expected[occurring]

    start = np.zeros(int(occurring.sum()))
    found = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-8}).x
    offsets = np.full(len(expected), ABSENT)
    offsets[occurring] = np.round(found - found.mean(), 6)
    return offsets


def fit_map(probabilities: Floats, votes: Floats, penalty: float) -> LogitMap:
    """Fit one factor and an offset a class to labels, by penalised maximum likelihood.

    The loss is the mean cross-entropy + penalty / n · (|offsets|² + (factor - 1)²), which is convex.

    Args:
        probabilities: `[n, classes]`.
        votes: `[n, classes]`, the share of the listeners that chose each class; rows sum to 1.
        penalty: weight of the penalty; about as many labels as it says are outweighed by it.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    n, k = votes.shape
    logits = log_probabilities(probabilities)

    def objective(values: Floats) -> tuple[float, Floats]:
        factor, offsets = values[0], values[1:]
        mapped = factor * logits + offsets
        log_total = logsumexp(mapped, axis=1, keepdims=True)
        difference = np.exp(mapped - log_total) - votes
        distance = np.append(factor - 1, offsets)
        loss = (votes * (log_total - mapped)).sum() + penalty * (distance**2).sum()
        gradient = np.append((difference * logits).sum(), difference.sum(axis=0)) + 2 * penalty * distance
        return float(loss) / n, gradient / n

    found = minimize(
        objective, np.append(1.0, np.zeros(k)), jac=True, method="BFGS", options={"gtol": 1e-7}
    ).x
    return LogitMap(float(np.round(found[0], 6)), np.round(found[1:], 6))


def cross_validated(penalty: float, probabilities: Floats, votes: Floats) -> Floats:
    """Probabilities `[n, classes]` of each item from a map that was fitted to the items of other folds."""
    adapted = np.empty_like(probabilities)
    for held in _folds(len(votes)):
        fitted = fit_map(probabilities[~held], votes[~held], penalty)
        adapted[held] = fitted.apply(probabilities[held])
    return adapted


def choose_penalty(probabilities: Floats, votes: Floats) -> float:
    """The penalty with the highest accuracy in cross-validation; of equal ones the likeliest."""

    def merit(penalty: float) -> tuple[float, float]:
        adapted = cross_validated(penalty, probabilities, votes)
        hits = votes[np.arange(len(votes)), adapted.argmax(axis=1)].mean()
        return round(float(hits), 9), float((votes * np.log(np.maximum(adapted, FLOOR))).sum())

    return max(PENALTIES, key=merit)


def nested_cross_validated(probabilities: Floats, votes: Floats) -> Floats:
    """As `cross_validated`, with the penalty chosen anew within each fold: what choosing gains is not counted twice."""
    adapted = np.empty_like(probabilities)
    for held in _folds(len(votes)):
        penalty = choose_penalty(probabilities[~held], votes[~held])
        adapted[held] = fit_map(probabilities[~held], votes[~held], penalty).apply(probabilities[held])
    return adapted


def _folds(n: int) -> list[NDArray[np.bool_]]:
    """Masks of the held-out items, the same for each call."""
    order = np.random.default_rng(n).permutation(n)
    return [order % FOLDS == fold for fold in range(min(FOLDS, n))]
