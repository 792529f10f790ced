"""From a worker's result to the rows of the tables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser_batch.engine.result import SHARE, Annotation, in_shares
from ser_batch.output.schema import Emotion, FileRow, SegmentRow


def rows(file: str, annotation: Annotation, labels: Sequence[str]) -> tuple[FileRow, list[SegmentRow]]:
    """The row of a file and the rows of its segments.

    A file's probabilities are the mean of its segments', weighted by their speech ratios; its speech ratio is
    the mean of theirs.
    """
    rate = annotation.sample_rate
    segments = [
        SegmentRow(file, round(start / rate, 6), round(end / rate, 6), _emotion(shares, heard, labels))
        for start, end, shares, heard in zip(
            annotation.starts.tolist(),
            annotation.ends.tolist(),
            annotation.probabilities,
            annotation.speech.tolist(),
            strict=True,
        )
    ]
    speech = annotation.speech
    whole = round(float(speech.mean()))
    shares = in_shares(speech @ annotation.probabilities / (speech.sum() * SHARE)) if whole else speech
    return FileRow(
        file, round(annotation.duration, 6), len(segments), _emotion(shares, whole, labels)
    ), segments


def _emotion(shares: NDArray[np.int32], speech: int, labels: Sequence[str]) -> Emotion:
    if not speech:
        return Emotion(None, None, None, 0.0)
    loudest = int(shares.argmax())
    probabilities = tuple((shares / SHARE).tolist())
    return Emotion(labels[loudest], probabilities[loudest], probabilities, speech / SHARE)
