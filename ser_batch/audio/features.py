"""The front end: log-mel spectrograms and MFCCs of windows of audio.

The steps are those of librosa (`feature.melspectrogram`, `power_to_db(ref=np.max, top_db=80)`, `feature.mfcc`),
in float32 numpy and scipy, vectorised over windows. A model bundle works with exactly this front end.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ser_batch.audio import denoise as gates
from ser_batch.audio.front_end import (
    FLOOR_DB,
    HOP,
    N_FFT,
    N_FRAMES,
    N_MELS,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
)

GROUP = 16  # mel bands in one matrix product
FRAMES_AT_ONCE = 32  # frames in one FFT call

Array = NDArray[np.float32]


def mfcc(samples: Array, denoise: str = "off") -> Array:
    """MFCCs of one window, or of several windows of equal length.

    Args:
        samples: float32 `[..., n]`, 16 kHz mono, `0 < n <= 48,000`; zero-padded to 3.0 s.
        denoise: one of `ser_batch.audio.denoise.ENGINES`.

    Returns:
        float32 `[..., 188, 128]`: frames × coefficients. All 128 are kept, so that no information is lost.
    """
    return rotate(log_mel(samples, denoise))


def log_mel(samples: Array, denoise: str = "off", lap: Callable[[str], None] = lambda stage: None) -> Array:
    """Mel spectrogram of a window in dB relative to its loudest cell, in `[-80, 0]`.

    Args:
        samples: float32 `[..., n]`, 16 kHz mono, `0 < n <= 48,000`; zero-padded to 3.0 s.
        denoise: one of `ser_batch.audio.denoise.ENGINES`.
        lap: called after each step with its name, `denoise` or `features`, to measure times.

    Returns:
        float32 `[..., 188, 128]`: frames × mel bands, low bands first. A window of zeros is -80 throughout.
    """
    if denoise == "noisereduce":
        samples = gates.noisereduce_samples(samples - _offset(samples), SAMPLE_RATE)
        lap("denoise")
        power = power_spectrogram(samples, _reached(samples))
    else:
        power = spectrum(samples)
    return log_mel_of(power, samples.shape[-1], denoise == "gate", lap)


def spectrum(samples: Array) -> Array:
    """Power STFT of a window without its constant offset, float32 `[..., frames, 513]`.

    Frames with nothing but padding need no FFT: they are left out.
    """
    return power_spectrogram(samples - _offset(samples), _reached(samples))


def _reached(samples: Array) -> int:
    return min(N_FRAMES, 1 + (samples.shape[-1] + N_FFT // 2 - 1) // HOP)


def log_mel_of(
    power: Array, n_samples: int, gate: bool = False, lap: Callable[[str], None] = lambda stage: None
) -> Array:
    """As `log_mel`, from the `spectrum` of a window of `n_samples`; with `gate`, the spectrum is changed in place."""
    if gate:
        lap("features")
        power *= np.square(gates.stationary_mask(power, true_frames(n_samples)))
        lap("denoise")
    bands = np.full((*power.shape[:-2], N_FRAMES, N_MELS), FLOOR_DB, np.float32)
    mel = mel_power(power, out=bands[..., : power.shape[-2], :])
    loudest = np.maximum(mel.max(axis=(-2, -1), keepdims=True), np.finfo(np.float32).tiny)
    # the floor is relative, so that the level of the recording has no influence
    mel /= loudest
    np.maximum(mel, np.float32(10 ** (FLOOR_DB / 10)), out=mel)
    np.log(mel, out=mel)
    mel *= np.float32(10 / np.log(10))
    lap("features")
    return bands


def _offset(samples: Array) -> Array:
    """Constant offset (DC) of a window, `[..., 1]`: the median of the means of its blocks of 256 samples.

    An offset would become the loudest cell, to which all levels are relative. The mean of the window would be moved by
    the asymmetry of the speech, and subtracting it would add an offset to the pauses.
    """
    whole = samples.shape[-1] // HOP * HOP
    if not whole:
        return samples.mean(axis=-1, keepdims=True)
    blocks = samples[..., :whole].reshape(*samples.shape[:-1], -1, HOP)
    return np.median(blocks.mean(axis=-1), axis=-1, keepdims=True)


def power_spectrogram(samples: Array, n_frames: int = N_FRAMES) -> Array:
    """Power STFT of a window: periodic Hann of 1,024 samples, hop 256, centred, zero padding.

    Args:
        samples: float32 `[..., n]`, `n <= 48,000`.
        n_frames: number of frames, from the first.

    Returns:
        float32 `[..., n_frames, 513]`: frames × frequency bins.
    """
    padded = np.zeros((*samples.shape[:-1], WINDOW_SAMPLES + N_FFT), np.float32)
    padded[..., N_FFT // 2 : N_FFT // 2 + samples.shape[-1]] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=-1)[..., ::HOP, :]
    power = np.empty((*samples.shape[:-1], n_frames, N_FFT // 2 + 1), np.float32)
    # a few frames at a time: their spectra stay in the processor's cache, twice as fast
    for first in range(0, n_frames, FRAMES_AT_ONCE):
        some = slice(first, min(first + FRAMES_AT_ONCE, n_frames))
        spectrum = scipy.fft.rfft(frames[..., some, :] * _hann(), axis=-1, overwrite_x=True)
        np.add(np.square(spectrum.real), np.square(spectrum.imag), out=power[..., some, :])
    return power


def mel_power(power: Array, out: Array | None = None) -> Array:
    """Mel bands of a power spectrogram, float32 `[..., frames, 513]` to `[..., frames, 128]`.

    A mel filter covers few bins, so groups of bands are multiplied with their own bins only.

    Args:
        power: from `power_spectrogram`.
        out: array for the result; None for a new one.
    """
    mel = np.empty((*power.shape[:-1], N_MELS), np.float32) if out is None else out
    for bands, bins, filters in _mel_groups():
        np.matmul(power[..., bins], filters, out=mel[..., bands])
    return mel


def true_frames(n_samples: int) -> int:
    """Number of frames of a window that are centred on its `n_samples` of audio; the others are zero padding."""
    return min(N_FRAMES, 1 + n_samples // HOP)


def network_input(bands: Array, kind: str) -> Array:
    """Input of a network for a log-mel spectrogram `[..., frames, 128]`: float32 of the same shape.

    Args:
        bands: in dB, from `log_mel`.
        kind: one of `ser_batch.audio.front_end.FEATURES`.
    """
    return rotate(bands) if kind == "mfcc" else bands


def rotate(bands: Array) -> Array:
    """Log-mel to MFCC: orthonormal DCT-II over the last axis of any size."""
    return scipy.fft.dct(bands, type=2, norm="ortho", axis=-1)


def to_levels(bands: Array) -> NDArray[np.uint8]:
    """Quantise log-mel in dB, `[-80, 0]`, to 256 levels, the format of feature tables."""
    return np.clip(np.floor(256 * (1 - bands / FLOOR_DB)), 0, 255).astype(np.uint8)


def from_levels(levels: NDArray[np.uint8]) -> Array:
    """Centre of each level in dB. The lowest level is the floor itself, so that zero padding stays exact."""
    return _LEVEL_DB[levels]


_LEVEL_DB: Array = (((np.arange(256) + 0.5) / 256 - 1) * -FLOOR_DB).astype(np.float32)
_LEVEL_DB[0] = FLOOR_DB


@cache
def _hann() -> Array:
    hann: Array = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
    return hann


@cache
def mel_filters() -> Array:
    """Slaney's mel filter bank with unit area per band, `[513, 128]`: equal to librosa's, without its imports."""
    edges = mel_edges(N_MELS)
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    bank: Array = (np.maximum(0, triangles) * 2 / (high - low)).astype(np.float32)
    return bank


@cache
def _mel_groups() -> list[tuple[slice, slice, Array]]:
    """Filter bank in groups of neighbouring bands: the bands, their bins, and the filters `[bins, bands]`."""
    bank, groups = mel_filters(), []
    for first in range(0, N_MELS, GROUP):
        bands = slice(first, first + GROUP)
        used = np.flatnonzero(bank[:, bands].any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        groups.append((bands, bins, np.ascontiguousarray(bank[bins, bands])))
    return groups


def mel_edges(n_mels: int) -> NDArray[np.float64]:
    """Edges and peaks of the bands of a mel filter bank up to 8 kHz: `[n_mels + 2]` in Hz.

    Source: M. Slaney, "Auditory Toolbox", 1998: linear below 1 kHz (200/3 Hz a mel), logarithmic above.
    """
    break_mel, log_step = 15.0, np.log(6.4) / 27
    top_mel = break_mel + np.log(SAMPLE_RATE / 2 / 1000) / log_step
    mels = np.linspace(0, top_mel, n_mels + 2)
    return np.where(mels < break_mel, mels * 200 / 3, 1000 * np.exp(log_step * (mels - break_mel)))
