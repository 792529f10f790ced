"""Noise to mix with speech, white or recorded, as audio and as mel power."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.audio.activity import speech_ratio
from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.windows import windows
from ser_batch.errors import SerBatchError

WHITE_WINDOWS = 16
MAX_WINDOWS_PER_FILE = 20

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Noise:
    """Windows of noise.

    Attributes:
        source: `white`, or the name of the folder.
        samples: float32 `[windows, 48,000]`, 16 kHz.
    """

    source: str
    samples: Array

    @cached_property
    def power(self) -> Array:
        """Mel power of each window, float32 `[windows, 188, 128]`."""
        return np.stack([features.mel_power(features.power_spectrogram(each)) for each in self.samples])


def read_noise(source: str | Path) -> Noise:
    """Read the noise of a folder, or make white noise: windows of 3.0 s every 1.5 s, up to twenty of each file.

    Shorter windows are repeated up to 3.0 s. Silent windows and files that are not audio are left out.

    Args:
        source: `white`, or a folder of audio at any depth.

    Raises:
        SerBatchError: no such folder, or only silence in it.
    """
    if source == "white":
        return white()
    folder = Path(source)
    if not folder.is_dir():
        raise SerBatchError(f"{folder}: no such folder of noise: give a folder of audio files, or `white`")
    found = [window for path in sorted(folder.rglob("*")) for window in _windows(path)]
    if not found:
        raise SerBatchError(f"{folder}: no audio in it, or only silence: give a folder of noise recordings")
    return Noise(folder.resolve().name, np.stack(found))


@cache
def white() -> Noise:
    """Sixteen windows of white noise, from a fixed seed."""
    shape = (WHITE_WINDOWS, front_end.WINDOW_SAMPLES)
    return Noise("white", np.random.default_rng(0).standard_normal(shape, np.float32))


def mix(speech: Array, noise: Array, snr_db: float) -> Array:
    """Add noise to speech at a signal-to-noise ratio of their mean powers; returns float32 `[n]`.

    Args:
        speech: float32 `[n]`.
        noise: float32, at least `[n]`; the first `n` samples are used. Silence adds nothing.
        snr_db: in dB.
    """
    noise = noise[: len(speech)]
    power = float(np.mean(np.square(noise)))
    gain = np.sqrt(np.mean(np.square(speech)) / power / 10 ** (snr_db / 10)) if power else 0.0
    return speech + np.float32(gain) * noise


def _windows(path: Path) -> Iterator[Array]:
    if not path.is_file():
        return
    seconds = front_end.WINDOW_SECONDS
    try:
        sample_rate, audio = blocks(str(path))
        found = list(islice(windows(audio, sample_rate, seconds, seconds / 2), MAX_WINDOWS_PER_FILE))
    except DecodeError:
        return
    for window in found:
        if speech_ratio(window.samples):
            yield np.resize(window.samples, front_end.WINDOW_SAMPLES)
