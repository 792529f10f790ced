"""Waveform augmentation: white noise, time stretching, time shift, pitch shift. Used by the training iterator only.

All functions take and return float32 `[n]`, 16 kHz mono.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import SAMPLE_RATE

Array = NDArray[np.float32]
Rng = np.random.Generator

MAX_NOISE_OF_PEAK = 0.035
STRETCH_RATES = (0.8, 1.25)
MAX_SHIFT_SAMPLES = 5_000
MAX_SEMITONES = 2.0


def augment(samples: Array, rng: Rng) -> Array:
    """Apply each of the four changes with probability one half."""
    changes: tuple[Callable[[Array, Rng], Array], ...] = (add_noise, stretch, shift, shift_pitch)
    for change in changes:
        if rng.random() < 0.5:
            samples = change(samples, rng)
    return samples.astype(np.float32, copy=False)


def add_noise(samples: Array, rng: Rng) -> Array:
    """Add white noise with a standard deviation of up to 0.035 of the peak."""
    deviation = MAX_NOISE_OF_PEAK * rng.random() * np.abs(samples).max()
    return samples + np.float32(deviation) * rng.standard_normal(len(samples), np.float32)


def stretch(samples: Array, rng: Rng) -> Array:
    """Change the tempo but not the pitch, by a rate of 0.8 to 1.25 (librosa's phase vocoder)."""
    import librosa

    return librosa.effects.time_stretch(samples, rate=rng.uniform(*STRETCH_RATES))


def shift(samples: Array, rng: Rng) -> Array:
    """Rotate the clip by up to 5,000 samples in either direction."""
    return np.roll(samples, rng.integers(-MAX_SHIFT_SAMPLES, MAX_SHIFT_SAMPLES + 1))


def shift_pitch(samples: Array, rng: Rng) -> Array:
    """Change the pitch but not the tempo, by up to 2 semitones in either direction (librosa)."""
    import librosa

    steps = rng.uniform(-MAX_SEMITONES, MAX_SEMITONES)
    return librosa.effects.pitch_shift(samples, sr=SAMPLE_RATE, n_steps=steps)
