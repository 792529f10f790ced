"""Batches for the voice detector: windows of speech and of other sounds, coloured, mixed and given noise floors."""

import numpy as np
from numpy.typing import NDArray
from voice_material import Windows, sources

from ser_batch.audio.features import from_levels, mel_edges
from ser_batch.audio.front_end import FLOOR_DB, N_FRAMES, N_MELS
from ser_batch.audio.voice import N_STEPS

SPEECH_SHARE, PAIRS_SHARE = 0.45, 0.12  # of a batch; the rest are other sounds alone
SNR_DB = (-5.0, 25.0)
SPAN = np.linspace(-1, 1, N_MELS)
CENTRES = mel_edges(N_MELS)[1:-1]  # of the bands, in Hz

Array = NDArray[np.float32]
Rng = np.random.Generator

_POWER = 10 ** (from_levels(np.arange(256, dtype=np.uint8)) / 10)


class Mixer:
    """Makes batches without end."""

    def __init__(self, windows: Windows):
        self._windows = windows
        weights = np.array([source.get("weight", 1.0) for source in sources()])[
            windows.source[~windows.speech]
        ]
        self._shares = weights / weights.sum()
        self._hiss = np.random.default_rng(0).gamma(2.0, 0.5, (64, N_FRAMES, N_MELS)).astype(np.float32)
        self._speech, self._other = np.flatnonzero(windows.speech), np.flatnonzero(~windows.speech)

    def batch(self, size: int, rng: Rng) -> tuple[Array, Array, Array]:
        """Log-mel in dB `[size, 188, 128]`, labels `[size, 47]` and weights `[size]`."""
        n_speech, n_pairs = int(size * SPEECH_SHARE), int(size * PAIRS_SHARE)
        chosen = rng.choice(self._speech, n_speech)
        label = self._windows.label[chosen].astype(np.float32) / 255
        weight = np.ones(size, np.float32)
        speech = _coloured(_stretched(self._power(chosen), rng), rng)
        mixed = rng.random(n_speech) < 0.5
        snr = rng.uniform(*SNR_DB, int(mixed.sum())).astype(np.float32)
        noise = self._others(len(snr), rng)
        gain = _level(speech[mixed], label[mixed]) / _loud_level(noise) * 10 ** (-snr / 10)
        speech[mixed] += noise * gain[:, None, None]
        weight[:n_speech][mixed] = np.clip(1 + snr / 10, 0.5, 1)
        other = self._others(size - n_speech, rng)
        second = self._others(n_pairs, rng)
        quieter = 10 ** rng.uniform(-2, 0, (n_pairs, 1, 1)).astype(np.float32)
        other[:n_pairs] = _relative(other[:n_pairs]) + _relative(second) * quieter
        power = _relative(np.concatenate([speech, other]))
        label = np.concatenate([label, np.zeros((len(other), N_FRAMES), np.float32)])
        power = _relative(self._with_floor(power, rng))
        bands = np.log(np.maximum(power, np.float32(10 ** (FLOOR_DB / 10)))) * np.float32(10 / np.log(10))
        order = rng.permutation(size)
        return bands[order], label.reshape(size, N_STEPS, -1).mean(axis=2)[order], weight[order]

    def _power(self, chosen: NDArray[np.int64]) -> Array:
        return _POWER[self._windows.mel[chosen]]

    def _with_floor(self, power: Array, rng: Rng) -> Array:
        """A steady noise under a third of the windows, 25 to 70 dB below their loudest cells."""
        some = np.flatnonzero(rng.random(len(power)) < 0.35)
        level_db = rng.uniform(-70, -25, (len(some), 1)) + rng.normal(0, 6, (len(some), 1)) * SPAN
        level = (10 ** (level_db / 10)).astype(np.float32)
        power[some] += self._hiss[rng.integers(len(self._hiss), size=len(some))] * level[:, None, :]
        return power

    def _others(self, n: int, rng: Rng) -> Array:
        return _shifted(_coloured(self._power(rng.choice(self._other, n, p=self._shares)), rng), rng)


def _coloured(power: Array, rng: Rng) -> Array:
    """Six of ten windows through a smooth filter: another microphone."""
    n = len(power)
    ripple = np.cos(np.pi * SPAN * rng.uniform(1, 4, (n, 1)) + rng.uniform(0, 2 * np.pi, (n, 1)))
    gain_db = rng.normal(0, 5, (n, 1)) * SPAN + rng.normal(0, 3, (n, 1)) * ripple
    gain_db *= rng.random((n, 1)) < 0.6
    return power * (10 ** (gain_db / 10)).astype(np.float32)[:, None, :]


def _stretched(power: Array, rng: Rng) -> Array:
    """Four of ten windows with all frequencies 0.85 to 1.6 times as high: children's voices, and screams."""
    for window in power:
        if rng.random() < 0.4:
            factor = np.exp(rng.uniform(np.log(0.85), np.log(1.6)))
            bands = np.interp(CENTRES / factor, CENTRES, np.arange(N_MELS))
            window[:] = window[:, np.rint(bands).astype(int)]
    return power


def _shifted(power: Array, rng: Rng) -> Array:
    """Up to four bands up or down, and turned round in time: the same sound at another pitch and another moment."""
    for window in power:
        if rng.random() < 0.3:
            window[:] = np.roll(window, rng.integers(N_FRAMES), axis=0)
        bands = int(rng.integers(-4, 5)) if rng.random() < 0.5 else 0
        if bands > 0:
            window[:, bands:] = window[:, :-bands].copy()
        elif bands < 0:
            window[:, :bands] = window[:, -bands:].copy()
    return power


def _relative(power: Array) -> Array:
    return power / power.max(axis=(1, 2), keepdims=True)


def _level(power: Array, label: Array) -> Array:
    """Mean power of the frames of speech, or of the loudest frame where there is none."""
    frames, spoken = power.sum(axis=2), label > 0.5
    mean = (frames * spoken).sum(axis=1) / np.maximum(spoken.sum(axis=1), 1)
    return np.where(spoken.any(axis=1), mean, frames.max(axis=1))


def _loud_level(power: Array) -> Array:
    """Mean power of the loudest 60 frames."""
    return np.sort(power.sum(axis=2), axis=1)[:, -60:].mean(axis=1)
