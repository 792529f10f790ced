"""Signal activity by energy: the share of a window that is not silent."""

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import HOP

SILENCE_DBFS = -70.0  # a window below this level is silent; 16-bit dither is at -98
BELOW_LOUDEST_DB = 35.0


def speech_ratio(samples: NDArray[np.float32]) -> float:
    """Share of a window's 16 ms blocks with a level of at least 35 dB below its loudest block.

    The level is the standard deviation of the block, so that a constant offset is silence.

    Args:
        samples: float32 `[n]`, 16 kHz mono; `n` may be 0.

    Returns:
        0 (silence) to 1. Only energy is measured: steady noise counts as sound.
    """
    if not len(samples):
        return 0.0
    blocks = samples[: len(samples) // HOP * HOP].reshape(-1, HOP) if len(samples) >= HOP else samples[None]
    centred = blocks - blocks.mean(axis=-1, keepdims=True)
    power = np.einsum("ij,ij->i", centred, centred) / centred.shape[-1]
    loudest = power.max()
    if loudest <= 10 ** (SILENCE_DBFS / 10):
        return 0.0
    return float(np.mean(power > loudest * 10 ** (-BELOW_LOUDEST_DB / 10)))
