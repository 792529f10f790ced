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
    level -= heard.mean(axis=-2, keepdims=True)
    variance = np.einsum("...ij,...ij->...j", heard, heard) / n_frames
    return _smooth(level > STD_ABOVE_MEAN * np.sqrt(variance)[..., None, :])


def _smooth(mask: NDArray[np.bool_]) -> Array:
    """Weigh a mask by a triangle over frequency and over time, then by the overlap of the frames.

    In integers (a triangle is a running sum of a running sum): exact, and narrow types are quick to add.
    """
    bins, frames = SMOOTH_BINS + 1, SMOOTH_FRAMES + 1
    n_frames, n_bins = mask.shape[-2:]
    padded = np.zeros((*mask.shape[:-2], n_frames + 2 * (frames + 1), n_bins + 2 * (bins - 1)), np.uint8)
    padded[..., frames + 1 : -frames - 1, bins - 1 : 1 - bins] = mask
    counts = _running_sum(padded, bins, axis=-1).astype(np.uint16)
    counts = _running_sum(counts, bins, axis=-1)
    counts = _running_sum(_running_sum(counts, frames, axis=-2), frames, axis=-2)
    # the overlap (1, 6, 10, 6, 1) is (1, 4, 1), then (1, 1) twice, which is too much for 16 bits
    sides = counts[..., :-2, :] + counts[..., 2:, :]
    sides += counts[..., 1:-1, :] << np.uint16(2)
    gain = _running_sum(_running_sum(sides.astype(np.float32), 2, axis=-2), 2, axis=-2)
    gain *= np.float32(1 / (bins**2 * frames**2 * sum(OVERLAP)))
    return gain


def _running_sum(counts: NDArray[Any], width: int, axis: int) -> NDArray[Any]:
    """Sum of each `width` neighbours along axis -1 or -2, which gets shorter by `width - 1`: by doubling."""
    if width == 1:
        return counts
    half = _running_sum(counts, width // 2, axis)
    n = half.shape[axis] - width // 2
    total = _cut(half, 0, n, axis) + _cut(half, width // 2, n, axis)
    if width % 2:
        total = _cut(total, 0, n - 1, axis) + _cut(counts, width - 1, n - 1, axis)
    return total


def _cut(counts: NDArray[Any], start: int, length: int, axis: int) -> NDArray[Any]:
    """A stretch along axis -1 or -2; `np.moveaxis` would cost as much as the sums."""
    stretch = slice(start, start + length)
    return counts[..., stretch] if axis == -1 else counts[..., stretch, :]


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
