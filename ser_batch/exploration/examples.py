"""Augmentations of an example clip, as audio and as spectrograms."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, augment_waveform, features
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.denoise import noisereduce_samples
from ser_batch.audio.front_end import SAMPLE_RATE, WINDOW_SAMPLES

Array = NDArray[np.float32]

DRAWS = 5  # of each augmentation, of which the one that changes the log-mel most is shown
COMBINED_DRAWS = 3


def augmented_waveforms(samples: Array, seed: int) -> dict[str, Array]:
    """A clip, float32 `[n]` with `n <= 48,000`, after noisereduce and after each waveform augmentation."""
    rng = np.random.default_rng(seed)
    before = features.log_mel(samples)

    def augmented(change: Callable[[Array, np.random.Generator], Array]) -> Array:
        def draw() -> Array:
            return change(samples, rng)[:WINDOW_SAMPLES].astype(np.float32)

        return _strongest(draw, before, features.log_mel)

    return {
        "original": samples,
        "cleaned": noisereduce_samples(samples, SAMPLE_RATE),
        "noise": augmented(augment_waveform.add_noise),
        "stretch": augmented(augment_waveform.stretch),
        "shift": augmented(augment_waveform.shift),
        "pitch": augmented(augment_waveform.shift_pitch),
    }


def augmented_spectrograms(log_mel: Array, frames: int, seed: int) -> dict[str, Array]:
    """A clip's log-mel `[188, 128]` after each spectrogram augmentation alone, and after all as drawn in training."""
    rng = np.random.default_rng(seed)
    clip, lengths = log_mel[None], np.array([frames])
    always = Strengths(quieter_share=1, noise_share=1)
    changes: dict[str, Callable[[], Array]] = {
        "stretch, shift and warp": lambda: augment_spectrogram.warp(clip, lengths, rng, always)[0],
        "quieter room": lambda: augment_spectrogram.subtract_noise(clip, lengths, rng, always),
        "equaliser": lambda: augment_spectrogram.equalise(clip, lengths, rng, always),
        "noise": lambda: augment_spectrogram.add_noise(clip, lengths, rng, always),
        "masks": lambda: augment_spectrogram.mask(clip, lengths, rng, always),
    }
    spectrograms = {name: _strongest(change, clip)[0] for name, change in changes.items()}
    for k in range(COMBINED_DRAWS):
        all_together = augment_spectrogram.augment(clip.copy(), lengths, rng, Strengths())[0][0]
        spectrograms[f"all, draw {k + 1}"] = all_together
    return {"original": log_mel, **spectrograms}


def _strongest(
    draw: Callable[[], Array], before: Array, log_mel: Callable[[Array], Array] = lambda drawn: drawn
) -> Array:
    """Of some draws, the one whose log-mel differs most from `before`."""
    return max(
        (draw() for _ in range(DRAWS)), key=lambda drawn: float(np.abs(log_mel(drawn) - before).mean())
    )
