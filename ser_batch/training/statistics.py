"""Statistics of the training clips that a network keeps: spectrum of their pauses, mean and deviation of the bands."""

import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.training.networks.layers import add_in_power

PAUSE_SHARE = 10  # one frame in ten, the quietest, counts as a pause

Array = NDArray[np.float32]
Ints = NDArray[np.int64]

_DECIBELS = features.from_levels(np.arange(256, dtype=np.uint8))


def pause_spectrum(table: FeatureTable, rows: Ints) -> Array:
    """Mean level of the pauses of some clips in each mel band, `[128]` in dB relative to a clip's loudest cell.

    The pauses of a clip are the tenth of its true frames whose loudest band is quietest; digital silence is none.
    """
    power = 10 ** (_DECIBELS / 10)
    spectra = []
    for row in rows:
        levels = table.levels[row, : table.frames[row]]
        loudest = levels.max(axis=1)
        sounding = np.flatnonzero(loudest)
        quietest = sounding[
            np.argsort(loudest[sounding], kind="stable")[: max(1, len(sounding) // PAUSE_SHARE)]
        ]
        if len(quietest):
            spectra.append(10 * np.log10(power[levels[quietest]].mean(axis=0)))
    return np.mean(spectra or [np.full(front_end.N_MELS, front_end.FLOOR_DB)], axis=0).astype(np.float32)


def band_statistics(table: FeatureTable, rows: Ints, floor: Array) -> tuple[Array, Array]:
    """Mean and deviation of each mel band, `[128]` in dB, over the true frames of some clips.

    Args:
        table: the corpus.
        rows: indexes of the clips.
        floor: spectrum of the noise that the network adds, `[128]` in dB.
    """
    counts = np.zeros((256, front_end.N_MELS))
    bands = np.arange(front_end.N_MELS)
    for row in rows:
        levels = table.levels[row, : table.frames[row]].astype(np.int64)
        flat = np.bincount((levels * front_end.N_MELS + bands).ravel(), minlength=counts.size)
        counts += flat.reshape(counts.shape)
    level = ops.convert_to_numpy(add_in_power(_DECIBELS[:, None], floor[None]))
    total = counts.sum(axis=0)
    mean = (counts * level).sum(axis=0) / total
    variance = (counts * np.square(level - mean)).sum(axis=0) / total
    return mean.astype(np.float32), np.sqrt(variance + 1).astype(np.float32)
