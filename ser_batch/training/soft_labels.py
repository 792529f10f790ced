"""Out-of-fold soft labels for distillation.

Source of distillation: G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015. The
soft label of a clip is from a classifier that was fitted to other speakers: fitted to the clip itself, it would only
repeat its label.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser_batch.evaluation.calibration import fit_temperature
from ser_batch.model.runtime import softmax
from ser_batch.training import splits

FOLDS = 6
PENALTY = 0.15  # on the squared weights, beside the mean loss of a clip
OUTLIER = 6.0  # standard deviations, beyond which a statistic is cut
ITERATIONS = 100

Array = NDArray[np.float32]


def out_of_fold(
    statistics: NDArray[np.floating],
    targets: Array,
    speakers: Sequence[str],
    seed: int,
    strata: Sequence[str] | None = None,
) -> Array:
    """Predict each clip's label by a logistic regression on other speakers' clips.

    Args:
        statistics: `[clips, width]`, the teacher's representation of each clip.
        targets: `[clips, n_classes]`, that sum to 1.
        speakers: of each clip.
        seed: of the folds.
        strata: as for `ser_batch.training.splits.split_speakers`.

    Returns:
        Calibrated probabilities `[clips, n_classes]`.

    Raises:
        SerBatchError: fewer than two speakers.
    """
    logits = np.zeros_like(targets)
    folds = splits.speaker_folds(speakers, min(FOLDS, len(set(speakers))), seed, strata=strata)
    for fold in folds.values():
        known = statistics[~fold].astype(np.float32)
        mean, deviation = known.mean(axis=0), known.std(axis=0) + 1e-3
        scaled = np.clip((statistics - mean) / deviation, -OUTLIER, OUTLIER).astype(np.float32)
        scaled = np.hstack([scaled, np.ones((len(scaled), 1), np.float32)])
        logits[fold] = scaled[fold] @ _regress(scaled[~fold], targets[~fold])
    # the penalty makes the regression less confident than it is right
    return softmax(logits, fit_temperature(logits, targets.argmax(axis=1))).astype(np.float32)


def _regress(known: Array, targets: Array) -> Array:
    """Weights `[width, n_classes]` of a multinomial logistic regression."""
    from scipy.optimize import minimize

    shape = (known.shape[1], targets.shape[1])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape).astype(np.float32)
        probabilities = softmax(known @ weights)
        entropy = -(targets * np.log(probabilities + 1e-12)).sum() / len(known)
        slope = known.T @ (probabilities - targets) / len(known) + PENALTY * weights
        return float(entropy + PENALTY / 2 * np.square(weights).sum()), slope.ravel().astype(np.float64)

    found = minimize(
        loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}
    )
    return found.x.reshape(shape).astype(np.float32)
