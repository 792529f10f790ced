"""What training may make of a clip: the augmentations, as audio and as spectrograms."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, augment_waveform, features
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.denoise import noisereduce_samples
from ser_batch.audio.front_end import SAMPLE_RATE, WINDOW_SAMPLES

Array = NDArray[np.float32]

DRAWS = 5
ALL_OF_THEM = 3


def cleaned(samples: Array) -> Array:
    """The audio after noisereduce."""
    return noisereduce_samples(samples, SAMPLE_RATE)


def waveforms(samples: Array, seed: int) -> dict[str, Array]:
    """A clip and its waveform augmentations, float32 `[n]`, `n <= 48,000`: of five draws, the one that changes most."""
    rng = np.random.default_rng(seed)
    before = features.log_mel(samples)

    def strongest(change: Callable[[Array, np.random.Generator], Array]) -> Array:
        draws = [change(samples, rng)[:WINDOW_SAMPLES].astype(np.float32) for _ in range(DRAWS)]
        return max(draws, key=lambda draw: float(np.abs(features.log_mel(draw) - before).mean()))

    return {
        "original": samples,
        "cleaned": cleaned(samples),
        "noise": strongest(augment_waveform.add_noise),
        "stretch": strongest(augment_waveform.stretch),
        "shift": strongest(augment_waveform.shift),
        "pitch": strongest(augment_waveform.shift_pitch),
    }


def spectrograms(bands: Array, frames: int, seed: int) -> dict[str, Array]:
    """A clip's log-mel `[188, 128]` and its spectrogram augmentations.

    One by one, each certain and of five draws the one that changes most; then all together as training draws them.
    """
    rng = np.random.default_rng(seed)
    clip, heard = bands[None], np.array([frames])
    certain = Strengths(quieter_share=1, noise_share=1)
    changes: dict[str, Callable[[], Array]] = {
        "stretch, shift and warp": lambda: augment_spectrogram.warp(clip, heard, rng, certain)[0],
        "quieter room": lambda: augment_spectrogram.subtract_noise(clip, heard, rng, certain),
        "equaliser": lambda: augment_spectrogram.equalise(clip, heard, rng, certain),
        "noise": lambda: augment_spectrogram.add_noise(clip, heard, rng, certain),
        "masks": lambda: augment_spectrogram.mask(clip, heard, rng, certain),
    }
    found = {"original": bands}
    for name, change in changes.items():
        draws = [change()[0] for _ in range(DRAWS)]
        found[name] = max(draws, key=lambda draw: float(np.abs(draw - bands).mean()))
    for k in range(ALL_OF_THEM):
        found[f"all, draw {k + 1}"] = augment_spectrogram.augment(clip.copy(), heard, rng, Strengths())[0][0]
    return found
