"""Noise reduction: noisereduce's stationary spectral gate, on the spectrum that the features are made of.

The gate (T. Sainburg et al., "Finding, visualizing, and quantifying latent structure across diverse animal
vocal repertoires", PLoS Comput. Biol. 2020; package `noisereduce`) keeps a cell of the spectrogram when its
level is more than 1.5 standard deviations above the mean level of its frequency, and smooths that mask.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ENGINES = ("off", "gate", "noisereduce")

STD_ABOVE_MEAN = 1.5
DYNAMIC_RANGE_DB = 80.0
SMOOTH_BINS = 16  # 500 Hz, as noisereduce counts it at 16 kHz with n_fft 1,024
SMOOTH_FRAMES = 3  # 50 ms
# How much of a frame's gain reaches the frames around it when the cleaned audio is put together by
# overlap-add and analysed again: sum(w(n) w(n - jH)^2) / sum(w) / 1.5 for a periodic Hann and hop N/4.
OVERLAP = (1, 6, 10, 6, 1)

Array = NDArray[np.float32]


def stationary_mask(power: Array, n_frames: int) -> Array:
    """The gate's gain for each cell of a power spectrogram, to be multiplied with amplitudes.

    Args:
        power: float32 `[..., frames, bins]`, STFT of 1,024 samples with hop 256 at 16 kHz.
        n_frames: how many frames, from the first, hold audio; the noise is measured on those.

    Returns:
        float32, the shape of `power`, in `[0, 1]`.
    """
    loudest = power[..., :n_frames, :].max(axis=-2, keepdims=True)
    floor = loudest * np.float32(10 ** (-DYNAMIC_RANGE_DB / 10)) + np.finfo(np.float32).tiny
    level = np.maximum(power, floor)
    np.log(level, out=level)
    heard = level[..., :n_frames, :]
    threshold = heard.mean(axis=-2, keepdims=True) + STD_ABOVE_MEAN * heard.std(axis=-2, keepdims=True)
    return _smooth(level > threshold)


def _smooth(mask: NDArray[np.bool_]) -> Array:
    """Weigh a mask by a triangle over frequency and over time, then by the overlap of the frames.

    In integers (a triangle is a running sum of a running sum): exact, and narrow types are quick to add.
    """
    bins, frames = SMOOTH_BINS + 1, SMOOTH_FRAMES + 1
    beyond = [(0, 0)] * (mask.ndim - 2)
    padded = np.pad(mask.view(np.uint8), [*beyond, (frames + 1, frames + 1), (bins - 1, bins - 1)])
    counts = _running_sum(padded, bins, axis=-1).astype(np.uint16)
    counts = _running_sum(counts, bins, axis=-1)
    counts = _running_sum(_running_sum(counts, frames, axis=-2), frames, axis=-2)
    # the overlap (1, 6, 10, 6, 1) is (1, 1) twice, then (1, 4, 1)
    counts = _running_sum(_running_sum(counts, 2, axis=-2), 2, axis=-2)
    gain = counts[..., 1:-1, :] * np.float32(4)
    gain += counts[..., :-2, :]
    gain += counts[..., 2:, :]
    gain *= np.float32(1 / (bins**2 * frames**2 * sum(OVERLAP)))
    return gain


def _running_sum(counts: NDArray[Any], width: int, axis: int) -> NDArray[Any]:
    """Sum of each `width` neighbours along an axis, which gets shorter by `width - 1`: by doubling."""
    if width == 1:
        return counts
    along = np.moveaxis(counts, axis, 0)
    half = np.moveaxis(_running_sum(counts, width // 2, axis), axis, 0)
    total = half[: len(half) - width // 2] + half[width // 2 :]
    if width % 2:
        total = total[:-1] + along[width - 1 :]
    return np.moveaxis(total, 0, axis)


def noisereduce_samples(samples: Array, sample_rate: int) -> Array:
    """Clean audio with the noisereduce package itself (stationary gate, its defaults).

    Args:
        samples: float32 `[..., n]`, mono.
        sample_rate: in Hz.

    Returns:
        float32, the shape of `samples`.
    """
    import noisereduce

    flat = samples.reshape(-1, samples.shape[-1])
    clean = [noisereduce.reduce_noise(y=one, sr=sample_rate, stationary=True) for one in flat]
    return np.asarray(clean, np.float32).reshape(samples.shape)
