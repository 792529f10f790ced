"""Noise reduction: noisereduce's stationary spectral gate, applied to the power spectrogram of the features.

The gate (T. Sainburg et al., "Finding, visualizing, and quantifying latent structure across diverse animal
vocal repertoires", PLoS Comput. Biol. 2020; package `noisereduce`) keeps a cell of the spectrogram if its
level is more than 1.5 standard deviations above the mean level of its frequency, and smooths this mask.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ENGINES = ("off", "gate", "noisereduce")

STD_ABOVE_MEAN = 1.5
DYNAMIC_RANGE_DB = 80.0
SMOOTH_BINS = 16  # noisereduce's 500 Hz at 16 kHz with n_fft 1,024
SMOOTH_FRAMES = 3  # 50 ms
# Share of a frame's gain in the frames around it after overlap-add and a new analysis:
# sum(w(n) w(n - jH)^2) / sum(w) / 1.5 for a periodic Hann and hop N/4.
OVERLAP = (1, 6, 10, 6, 1)

Array = NDArray[np.float32]


def stationary_mask(power: Array, n_frames: int) -> Array:
    """Gain of the gate for each cell of a power spectrogram, a factor of the amplitude.

    Args:
        power: float32 `[..., frames, bins]`, STFT of 1,024 samples with hop 256 at 16 kHz.
        n_frames: number of frames at the beginning that hold audio; the noise is measured on these.

    Returns:
        float32, the shape of `power`, in `[0, 1]`.
    """
    loudest = power[..., :n_frames, :].max(axis=-2, keepdims=True)
    floor = loudest * np.float32(10 ** (-DYNAMIC_RANGE_DB / 10)) + np.finfo(np.float32).tiny
    level = np.maximum(power, floor)
    np.log(level, out=level)
    audio = level[..., :n_frames, :]
    level -= audio.mean(axis=-2, keepdims=True)
    variance = np.einsum("...ij,...ij->...j", audio, audio) / n_frames
    return _smooth(level > STD_ABOVE_MEAN * np.sqrt(variance)[..., None, :])


def _smooth(mask: NDArray[np.bool_]) -> Array:
    """Smooth a mask with a triangle over frequency and over time, then with the overlap of the frames.

    A triangle is a running sum of a running sum. Integers are exact, and narrow types are fast to add.
    """
    bins, frames = SMOOTH_BINS + 1, SMOOTH_FRAMES + 1
    n_frames, n_bins = mask.shape[-2:]
    padded = np.zeros((*mask.shape[:-2], n_frames + 2 * (frames + 1), n_bins + 2 * (bins - 1)), np.uint8)
    padded[..., frames + 1 : -frames - 1, bins - 1 : 1 - bins] = mask
    counts = _running_sum(padded, bins, axis=-1).astype(np.uint16)
    counts = _running_sum(counts, bins, axis=-1)
    counts = _running_sum(_running_sum(counts, frames, axis=-2), frames, axis=-2)
    # the overlap (1, 6, 10, 6, 1) is (1, 4, 1), then (1, 1) twice in float, since it exceeds 16 bits
    sides = counts[..., :-2, :] + counts[..., 2:, :]
    sides += counts[..., 1:-1, :] << np.uint16(2)
    gain = _running_sum(_running_sum(sides.astype(np.float32), 2, axis=-2), 2, axis=-2)
    gain *= np.float32(1 / (bins**2 * frames**2 * sum(OVERLAP)))
    return gain


def _running_sum(counts: NDArray[Any], width: int, axis: int) -> NDArray[Any]:
    """Sums of `width` neighbours along axis -1 or -2, which becomes shorter by `width - 1`, by repeated doubling."""
    if width == 1:
        return counts
    half = _running_sum(counts, width // 2, axis)
    n = half.shape[axis] - width // 2
    total = _cut(half, 0, n, axis) + _cut(half, width // 2, n, axis)
    if width % 2:
        total = _cut(total, 0, n - 1, axis) + _cut(counts, width - 1, n - 1, axis)
    return total


def _cut(counts: NDArray[Any], start: int, length: int, axis: int) -> NDArray[Any]:
    """A slice along axis -1 or -2; `np.moveaxis` would take as long as the sums."""
    part = slice(start, start + length)
    return counts[..., part] if axis == -1 else counts[..., part, :]


def noisereduce_samples(samples: Array, sample_rate: int) -> Array:
    """Reduce noise with the noisereduce package (stationary gate, default settings).

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
