"""From a worker's result to the rows of the tables."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ser_batch.engine.job import RowOptions
from ser_batch.engine.result import SCALE, Annotation, to_ten_thousandths
from ser_batch.output.schema import Emotion, FileRow, SegmentRow

UNCERTAIN, SILENT = -1, -2  # in place of the index of a label


def rows(
    file: str, annotation: Annotation, labels: Sequence[str], view: RowOptions | None = None
) -> tuple[FileRow, list[SegmentRow]]:
    """The row of a file and the rows of its segments.

    A file's probabilities are the mean of its segments', weighted by their speech ratios; its speech ratio is
    the mean of theirs.
    """
    view = view or RowOptions()
    heard = _heard(annotation.probabilities, annotation.speech, view.min_confidence)
    shown, heard_shown = _joined(annotation, heard) if view.merge_consecutive else (annotation, heard)
    rate = annotation.sample_rate
    segments = [
        SegmentRow(
            file, round(start / rate, 6), round(end / rate, 6), _emotion(shares, speech, label, labels)
        )
        for start, end, shares, speech, label in zip(
            shown.starts.tolist(),
            shown.ends.tolist(),
            shown.probabilities,
            shown.speech.tolist(),
            heard_shown.tolist(),
            strict=True,
        )
    ]
    shares, speech = _mean(annotation.probabilities, annotation.speech)
    [label] = _heard(shares[np.newaxis], np.array([speech]), view.min_confidence).tolist()
    whole = _emotion(shares, speech, label, labels)
    return FileRow(file, round(annotation.duration, 6), len(segments), whole), segments


def _heard(shares: NDArray[np.int32], speech: NDArray[np.int32], least: float) -> NDArray[np.intp]:
    """The label's index for each of `[n, labels]` shares, or `UNCERTAIN` below a confidence, or `SILENT`."""
    heard = shares.argmax(axis=1)
    heard[shares.max(axis=1) / SCALE < least] = UNCERTAIN
    heard[speech == 0] = SILENT
    return heard


def _joined(annotation: Annotation, heard: NDArray[np.intp]) -> tuple[Annotation, NDArray[np.intp]]:
    """Neighbours in which the same is heard as one segment, with the mean of their shares and speech ratios."""
    firsts = np.flatnonzero(np.diff(heard, prepend=heard[0] - 1))
    bounds = [*firsts.tolist(), len(heard)]
    shares, speech = annotation.probabilities[firsts], annotation.speech[firsts]
    for i, (first, end) in enumerate(pairwise(bounds)):
        if end - first > 1:
            shares[i], speech[i] = _mean(annotation.probabilities[first:end], annotation.speech[first:end])
            if (label := heard[first]) >= 0:  # rounding may have put another a ten-thousandth before it
                most = shares[i].argmax()
                shares[i, [label, most]] = shares[i, [most, label]]
    ends = annotation.ends[np.array(bounds[1:]) - 1]
    joined = replace(
        annotation, starts=annotation.starts[firsts], ends=ends, probabilities=shares, speech=speech
    )
    return joined, heard[firsts]


def _mean(shares: NDArray[np.int32], speech: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """The mean of `[n, labels]` shares, weighted by `[n]` speech ratios, and the mean of these."""
    mean = round(float(speech.mean()))
    if not mean:
        return np.zeros(shares.shape[1], np.int32), 0
    weights = speech.astype(np.int64)  # 22 windows full of speech are too much for 32 bits
    return to_ten_thousandths(weights @ shares / (weights.sum() * SCALE)), mean


def _emotion(shares: NDArray[np.int32], speech: int, label: int, labels: Sequence[str]) -> Emotion:
    if label == SILENT:
        return Emotion(None, None, None, 0.0)
    probabilities = tuple((shares / SCALE).tolist())
    name = None if label == UNCERTAIN else labels[label]
    return Emotion(name, max(probabilities), probabilities, speech / SCALE)
