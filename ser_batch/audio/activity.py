"""How much of a window holds sound: a gate on energy, cheap enough to run before everything else."""

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import HOP

SILENCE_DBFS = -70.0  # below this a window is silent, whatever is in it: 16-bit dither lies at -98
BELOW_LOUDEST_DB = 35.0


def speech_ratio(samples: NDArray[np.float32]) -> float:
    """Share of a window's 16 ms blocks whose level is near that of its loudest block.

    The level is that of the deviation from the block's mean, so that a constant offset is silence.

    Args:
        samples: float32 `[n]`, 16 kHz mono; `n` is 0 for a sliver shorter than one sample.

    Returns:
        0 for silence, up to 1. It measures energy: steady noise counts as sound.
    """
    if not len(samples):
        return 0.0
    whole = samples[: len(samples) // HOP * HOP].reshape(-1, HOP) if len(samples) >= HOP else samples[None]
    varying = whole - whole.mean(axis=-1, keepdims=True)
    power = np.einsum("ij,ij->i", varying, varying) / varying.shape[-1]
    loudest = power.max()
    if loudest <= 10 ** (SILENCE_DBFS / 10):
        return 0.0
    return float(np.mean(power > loudest * 10 ** (-BELOW_LOUDEST_DB / 10)))
