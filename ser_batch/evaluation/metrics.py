"""Metrics: UAR, accuracy, macro-F1, calibration error, from classes or from probabilities.

Precision of a class never predicted, and F1 of a class without hits, count as 0, as scikit-learn has it.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ECE_BINS = 15


def confusion_matrix(actual: Ints, predicted: Ints, n_classes: int) -> Ints:
    """Count clips, `[n_classes, n_classes]`: a row for each actual class, a column for each predicted one."""
    flat = np.bincount(n_classes * actual + predicted, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes)


def recall(confusion: Ints) -> Floats:
    """Share of each actual class that was found, `[n_classes]`; NaN for a class that does not occur."""
    occurring = confusion.sum(axis=1)
    return np.divide(np.diag(confusion), occurring, out=np.full(len(confusion), np.nan), where=occurring > 0)


def precision(confusion: Ints) -> Floats:
    """Share of each class's predictions that were right, `[n_classes]`."""
    predictions = confusion.sum(axis=0)
    return np.divide(np.diag(confusion), predictions, out=np.zeros(len(confusion)), where=predictions > 0)


def f1(confusion: Ints) -> Floats:
    """Harmonic mean of precision and recall, `[n_classes]`; NaN for a class that does not occur."""
    occurring, predictions = confusion.sum(axis=1), confusion.sum(axis=0)
    scores = 2 * np.diag(confusion) / np.maximum(occurring + predictions, 1)
    return np.where(occurring > 0, scores, np.nan)


def accuracy(confusion: Ints) -> float:
    """Share of the clips that were right."""
    return float(np.trace(confusion) / confusion.sum())


def uar(confusion: Ints) -> float:
    """Unweighted average recall: the mean of `recall` over the classes that occur."""
    return float(np.nanmean(recall(confusion)))


def macro_f1(confusion: Ints) -> float:
    """Mean of `f1` over the classes that occur."""
    return float(np.nanmean(f1(confusion)))


def calibration_bins(
    probabilities: Floats, actual: Ints, bins: int = ECE_BINS
) -> tuple[Ints, Floats, Floats]:
    """Sort clips by the confidence of their prediction, in bins of equal width over `(0, 1]`.

    Returns:
        For each bin the count of clips, their mean confidence and their accuracy (0 where the bin is empty).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == actual
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    total = np.maximum(count, 1)
    return (
        count,
        np.bincount(index, confidence, bins) / total,
        np.bincount(index, right.astype(float), bins) / total,
    )


def expected_calibration_error(probabilities: Floats, actual: Ints, bins: int = ECE_BINS) -> float:
    """ECE: the mean gap between confidence and accuracy, over bins weighted by their clips.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with 15 bins.

    Args:
        probabilities: `[clips, n_classes]`, rows that sum to 1.
        actual: `[clips]`, the class of each.
        bins: how many.
    """
    count, confidence, right = calibration_bins(probabilities, actual, bins)
    return float(np.sum(count * np.abs(confidence - right)) / count.sum())


def negative_log_likelihood(logits: NDArray[np.floating], actual: Ints, temperature: float = 1.0) -> float:
    """Mean over clips of -log p(actual class), where p = softmax(logits / temperature)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(scaled).sum(axis=1))
    return float(np.mean(log_total - scaled[np.arange(len(actual)), actual]))
