"""Stratified sampling of an archive for an audit, with known probabilities of being drawn.

Strata are the predicted label, each divided in two at the median of its confidence. The sample is allocated in
proportion to the square root of the strata's sizes (power allocation: M. D. Bankier, "Power allocations: determining
sample sizes for subnational areas", The American Statistician 42, 1988), a compromise between figures for the whole
archive and figures for each emotion.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LEAST = 2  # items of a stratum, if it and the sample are large enough


def strata(predicted: Ints, confidence: NDArray[np.floating]) -> Ints:
    """The stratum of each unit, `[units]`: twice its predicted label, plus 1 above the label's median confidence."""
    upper = np.zeros(len(predicted), np.int64)
    for label in np.unique(predicted):
        of_label = predicted == label
        upper[of_label] = confidence[of_label] > np.median(confidence[of_label])
    return 2 * predicted + upper


def allocate(sizes: Ints, n: int) -> Ints:
    """How many units to draw from each stratum, `[strata]`: n together, but at least 1 of each, at most all."""
    root = np.sqrt(sizes)
    drawn = np.minimum(sizes, np.clip(n // len(sizes), 1, LEAST))
    while drawn.sum() < min(n, sizes.sum()):
        wanted = np.where(drawn < sizes, root / (drawn + 1), -1.0)  # Jefferson's method of apportionment
        drawn[wanted.argmax()] += 1
    return drawn


def draw(stratum: Ints, n: int, seed: int) -> tuple[Ints, NDArray[np.float64]]:
    """Draw units without replacement.

    Args:
        stratum: `[units]`, of the whole archive.
        n: units to draw; somewhat more where each stratum's least demands it.
        seed: the same seed draws the same units from the same archive.

    Returns:
        Indices of the units in a random order, and the probability with which each was drawn.
    """
    names, of_unit, sizes = np.unique(stratum, return_inverse=True, return_counts=True)
    drawn = allocate(sizes, n)
    random = np.random.default_rng(seed)
    chosen = [
        random.choice(np.flatnonzero(of_unit == number), drawn[number], replace=False)
        for number in range(len(names))
    ]
    indices = random.permutation(np.concatenate(chosen))
    return indices, (drawn / sizes)[of_unit[indices]]
