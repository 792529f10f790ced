"""Feature table of a corpus, computed in parallel."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.audio.windows import load
from ser_batch.corpora.clips import Corpus
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.engine.processes import Bar, map_files
from ser_batch.errors import SerBatchError

Result = tuple[NDArray[np.uint8], int] | str


def extract_table(
    corpus: Corpus, denoise: str, jobs: int, bar: Bar[Result] = lambda results, total: results
) -> tuple[FeatureTable, list[tuple[str, str]]]:
    """Compute the log-mel spectrogram of the first 3.0 s of each clip.

    Args:
        corpus: the clips.
        denoise: one of `ser_batch.audio.denoise.ENGINES`.
        jobs: number of processes.
        bar: wraps the iterator over results, given their number: draws progress.

    Returns:
        The table, and path and reason of each clip that could not be read.

    Raises:
        SerBatchError: no clip could be read.
    """
    paths = [clip.path for clip in corpus.clips]
    found = map_files(paths, partial(_extract, denoise=denoise), jobs, bar)
    failed = [(path, result) for path, result in zip(paths, found, strict=True) if isinstance(result, str)]
    read = [
        (clip, result)
        for clip, result in zip(corpus.clips, found, strict=True)
        if not isinstance(result, str)
    ]
    if not read:
        raise SerBatchError(
            f"{corpus.name}: none of its {len(paths)} clips could be read; the first: {paths[0]}: {failed[0][1]}"
        )
    clips = [clip for clip, _ in read]
    attributes = dict.fromkeys(name for clip in clips for name in clip.attributes)
    table = FeatureTable(
        corpus=corpus.name,
        front_end=front_end.FRONT_END,
        names=[clip.name for clip in clips],
        labels=[clip.label for clip in clips],
        speakers=[clip.speaker for clip in clips],
        levels=np.stack([levels for _, (levels, _) in read]),
        frames=np.array([frames for _, (_, frames) in read], np.int64),
        attributes={name: [clip.attributes.get(name, "") for clip in clips] for name in attributes},
        denoise=denoise,
    )
    return table, failed


def _extract(path: str, denoise: str) -> Result:
    """Levels and number of true frames of one clip, or why it cannot be read."""
    try:
        samples = load(path, front_end.WINDOW_SECONDS)
    except (SerBatchError, OSError) as error:
        return str(error)
    return features.to_levels(features.log_mel(samples, denoise)), features.true_frames(len(samples))
