"""Rows of the tables from the annotation of a file."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import voice
from ser_batch.engine.job import Options
from ser_batch.engine.result import SCALE, Annotation, to_ten_thousandths
from ser_batch.output.schema import Emotion, FileRow, SegmentRow
from ser_batch.stretches import is_stretch, split

UNCERTAIN, NO_SPEECH, SILENT = -1, -2, -3  # instead of the index of a label
DEFAULTS = Options()


def rows(
    file: str, annotation: Annotation, labels: Sequence[str], options: Options = DEFAULTS
) -> tuple[FileRow, list[SegmentRow]]:
    """Return the row of a file, or of a stretch of it (`ser_batch.stretches`), and the rows of its segments.

    The file's probabilities are the mean of the labelled segments' probabilities, weighted by speech ratio; its speech
    ratio is the mean of all segments'.
    """
    indices = _label_indices(annotation.probabilities, annotation.silent, options.min_confidence)
    shown, shown_indices = (
        _joined(annotation, indices) if options.merge_consecutive else (annotation, indices)
    )
    rate = annotation.sample_rate
    path, first, last = split(file)
    segments = [
        SegmentRow(path, round(start / rate, 6), round(end / rate, 6), _emotion(p, speech, label, labels))
        for start, end, p, speech, label in zip(
            shown.starts.tolist(),
            shown.ends.tolist(),
            shown.probabilities.tolist(),
            shown.speech.tolist(),
            shown_indices.tolist(),
            strict=True,
        )
    ]
    whole = segments[0].emotion
    if len(annotation.speech) > 1:
        mean, speech = _mean(annotation.probabilities, annotation.speech)
        silent = np.array([annotation.silent.all()])
        [label] = _label_indices(mean[np.newaxis], silent, options.min_confidence).tolist()
        whole = _emotion(mean.tolist(), speech, label, labels)
    row = FileRow(path, round(annotation.duration, 6), len(segments), whole, speech=_speech(annotation))
    if is_stretch(file):  # its borders are as they were given, not rounded to samples
        last = segments[-1].end if last is None else last
        segments[0] = replace(segments[0], start=first)
        segments[-1] = replace(segments[-1], end=last)
        row = replace(row, start=first, end=last)
    return row, segments


def _label_indices(
    probabilities: NDArray[np.int32], silent: NDArray[np.bool_], min_confidence: float
) -> NDArray[np.intp]:
    """Index of the most probable label for each row of `[n, labels]`; without a label one of the negative numbers."""
    indices = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    indices[confidences / SCALE < min_confidence] = UNCERTAIN
    indices[confidences == 0] = NO_SPEECH
    indices[silent] = SILENT
    return indices


def _speech(annotation: Annotation) -> tuple[tuple[float, float], ...] | None:
    if annotation.voice is None:
        return None
    times = annotation.sample_rate, annotation.starts, annotation.ends
    return tuple(voice.stretches(*times, annotation.voice))


def _joined(annotation: Annotation, indices: NDArray[np.intp]) -> tuple[Annotation, NDArray[np.intp]]:
    """Join neighbouring segments of the same label; the joined ones have the mean of their values."""
    firsts = np.flatnonzero(np.diff(indices, prepend=indices[0] - 1))
    bounds = [*firsts.tolist(), len(indices)]
    means, speech = annotation.probabilities[firsts], annotation.speech[firsts]
    for i, (first, end) in enumerate(pairwise(bounds)):
        if end - first > 1:
            means[i], speech[i] = _mean(annotation.probabilities[first:end], annotation.speech[first:end])
            if (label := indices[first]) >= 0:  # rounding may have put another label first
                most = means[i].argmax()
                means[i, [label, most]] = means[i, [most, label]]
    ends = annotation.ends[np.array(bounds[1:]) - 1]
    joined = replace(
        annotation, starts=annotation.starts[firsts], ends=ends, probabilities=means, speech=speech
    )
    return joined, indices[firsts]


def _mean(probabilities: NDArray[np.int32], speech: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Mean of the probabilities `[n, labels]` of labelled segments, weighted by speech ratio; mean of all ratios."""
    mean = round(float(speech.mean()))
    weights = np.where(probabilities.any(axis=1), speech, 0).astype(np.int64)  # 22 windows overflow 32 bits
    if not weights.any():
        return np.zeros(probabilities.shape[1], np.int32), mean
    return to_ten_thousandths(weights @ probabilities / (weights.sum() * SCALE)), mean


def _emotion(scaled: Sequence[int], speech: int, label: int, labels: Sequence[str]) -> Emotion:
    if label in (SILENT, NO_SPEECH):
        return Emotion(None, None, None, speech / SCALE, no_speech=label == NO_SPEECH)
    probabilities = tuple(p / SCALE for p in scaled)
    name = None if label == UNCERTAIN else labels[label]
    return Emotion(name, max(probabilities), probabilities, speech / SCALE)
