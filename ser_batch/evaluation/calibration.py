"""Calibration by temperature scaling: one number by which the logits are divided.

Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

import numpy as np
from numpy.typing import NDArray

from ser_batch.evaluation.metrics import negative_log_likelihood

COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(logits: NDArray[np.floating], actual: NDArray[np.int64]) -> float:
    """Find the temperature at which `softmax(logits / temperature)` is likeliest to give the actual classes.

    Dividing by a positive number moves no prediction, only its confidence. The likelihood has one peak in the
    temperature, which a bounded scalar search finds on its logarithm.

    Args:
        logits: `[clips, n_classes]`, of speakers that were not in training.
        actual: `[clips]`, the class of each.

    Returns:
        Between 0.05 and 20.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_temperature: negative_log_likelihood(logits, actual, float(np.exp(log_temperature))),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))
