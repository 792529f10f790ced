"""Room augmentation: noise floor, gates, reverberation, equalisation, telephone and codecs, in random chains.

A network that is trained in one room takes the noise floor and the colour of another for an emotion; these functions
give a clip other rooms. All take and return float32 `[n]`, 16 kHz mono, and draw their strength from a generator.
`change_speed` and `pad` change the length. A function leaves silence as it is.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from ser_batch.audio.denoise import stationary_mask
from ser_batch.audio.front_end import HOP, N_FFT, SAMPLE_RATE

QUIET = 1e-7  # peak of a clip that counts as silence

Array = NDArray[np.float32]
Rng = np.random.Generator
Change = Callable[[Array, Rng], Array]


def other_room(samples: Array, rng: Rng, recorded: Sequence[Array] = ()) -> Array:
    """Apply a random chain of the changes below: each has a probability, and alternatives exclude each other.

    Args:
        samples: the clip.
        rng: source of all random numbers; the same state gives the same clip.
        recorded: recorded noise at 16 kHz, for the noise floor.
    """
    chain: tuple[tuple[float, tuple[Change, ...]], ...] = (
        (0.25, (change_speed,)),
        (0.30, (reverberate,)),
        (0.60, (gate, gate, subtract_noise, expand, silence_pauses)),
        (0.50, (equalise,)),
        (0.10, (clip_peaks,)),
        (0.45, (lambda clip, rng: raise_floor(clip, rng, recorded),)),
        (0.28, (telephone, telephone, encode_mp3, encode_opus)),
        (0.20, (pad,)),
    )
    changed = samples
    for probability, alternatives in chain:
        if rng.random() < probability:
            changed = alternatives[int(rng.integers(len(alternatives)))](changed, rng)
    usable = np.isfinite(changed).all() and len(changed) and np.abs(changed).max() > QUIET
    return changed.astype(np.float32) if usable else samples


def raise_floor(samples: Array, rng: Rng, recorded: Sequence[Array] = ()) -> Array:
    """Add coloured noise, hum or recorded noise, 70 to 10 dB below the level of the clip."""
    kind, n = rng.random(), len(samples)
    noise: NDArray[np.floating]
    if kind < 0.3 and len(recorded):
        piece = recorded[int(rng.integers(len(recorded)))]
        noise = np.resize(np.roll(piece, rng.integers(len(piece))), n)
    elif kind < 0.85:
        noise = _coloured(n, rng)
    else:
        noise = _hum(n, rng)
    level = _decibels(rng.uniform(-70, -10))
    return (samples + noise * (level * _level(samples) / max(_level(noise), QUIET))).astype(np.float32)


def gate(samples: Array, rng: Rng) -> Array:
    """Reduce noise by the stationary gate of noisereduce, `prop_decrease` 0.5 to 1 (half of the clips: 1)."""
    strength = 1.0 if rng.random() < 0.5 else rng.uniform(0.5, 1)

    def gains(power: Array) -> Array:
        return 1 - np.float32(strength) * (1 - stationary_mask(power, len(power)))

    return _filtered(samples, gains)


def subtract_noise(samples: Array, rng: Rng) -> Array:
    """Subtract 1 to 6 times the tenth percentile of each bin's power, down to a floor of -20 to -60 dB.

    Source: S. Boll, "Suppression of Acoustic Noise in Speech Using Spectral Subtraction", IEEE Trans. ASSP, 1979.
    """
    share, floor = rng.uniform(1, 6), 10 ** (-rng.uniform(20, 60) / 10)

    def gains(power: Array) -> Array:
        noise = share * np.percentile(power, 10, axis=0)
        return np.sqrt(np.maximum(1 - noise / (power + 1e-20), floor)).astype(np.float32)

    return _filtered(samples, gains)


def expand(samples: Array, rng: Rng) -> Array:
    """Expand downwards, by 1:1.5 to 1:4, what is 20 to 40 dB below the loudest moment."""
    below = _envelope(samples) + rng.uniform(20, 40)
    return (samples * _decibels(np.minimum(0, below * rng.uniform(0.5, 3)))).astype(np.float32)


def silence_pauses(samples: Array, rng: Rng) -> Array:
    """Set pauses to digital zero: what is 25 to 45 dB below the loudest moment, for longer than 0.1 s."""
    loud = ndimage.maximum_filter1d(_envelope(samples), SAMPLE_RATE // 10) > -rng.uniform(25, 45)
    return (samples * loud).astype(np.float32)


def equalise(samples: Array, rng: Rng) -> Array:
    """Apply a smooth random curve over the logarithm of the frequency; sometimes also a high-pass or a low-pass."""
    size = fft.next_fast_len(len(samples), real=True)
    hertz = np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1) + 1
    place = np.log(1 + 30 * hertz / hertz[-1]) / np.log(31)
    curve = sum(rng.normal(0, 4) / np.sqrt(k) * np.cos(np.pi * k * place) for k in range(1, 5))
    if rng.random() < 0.3:
        curve = curve - 24 * np.maximum(0, np.log2(rng.uniform(80, 300) / hertz))
    if rng.random() < 0.3:
        curve = curve - 60 * np.maximum(0, np.log2(hertz / rng.uniform(3_000, 7_500)))
    spectrum = fft.rfft(samples, size) * _decibels(np.maximum(curve, -80))
    return fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def reverberate(samples: Array, rng: Rng) -> Array:
    """Convolve with a synthetic impulse response: decaying noise, 0.15 to 0.9 s to -60 dB, behind the direct sound."""
    decay = rng.uniform(0.15, 0.9)
    n = int(SAMPLE_RATE * min(decay, 0.6))
    response = rng.standard_normal(n) * _decibels(-60 * np.arange(n) / (decay * SAMPLE_RATE))
    response[: int(SAMPLE_RATE * rng.uniform(0.001, 0.02))] = 0
    response = signal.lfilter(*signal.butter(1, rng.uniform(1_500, 7_000), fs=SAMPLE_RATE), response)
    response *= _decibels(-rng.uniform(-2, 14)) / np.sqrt(np.square(response).sum() + 1e-12)
    response[0] = 1
    return signal.fftconvolve(samples, response)[: len(samples)].astype(np.float32)


def telephone(samples: Array, rng: Rng) -> Array:
    """Keep 200-350 to 3,000-3,700 Hz and code with 8-bit µ-law (ITU-T G.711)."""
    band = [rng.uniform(200, 350), rng.uniform(3_000, 3_700)]
    narrow = signal.sosfilt(signal.butter(4, band, "band", fs=SAMPLE_RATE, output="sos"), samples)
    narrow *= rng.uniform(0.2, 0.95) / max(np.abs(narrow).max(), QUIET)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)


def encode_mp3(samples: Array, rng: Rng) -> Array:
    """Code as MP3 at a low bit rate, and decode."""
    return _coded(samples, rng, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT")


def encode_opus(samples: Array, rng: Rng) -> Array:
    """Code as Opus at a low bit rate, and decode."""
    return _coded(samples, rng, format="OGG", subtype="OPUS")


def clip_peaks(samples: Array, rng: Rng) -> Array:
    """Clip at 1 to 12 dB below the peak."""
    limit = np.abs(samples).max() * np.float32(_decibels(-rng.uniform(1, 12)))
    return np.clip(samples, -limit, limit)


def change_speed(samples: Array, rng: Rng) -> Array:
    """Change tempo and pitch together, by a rate of 0.9 to 1.1."""
    return soxr.resample(samples, 1.0, 1 / rng.uniform(0.9, 1.1))


def pad(samples: Array, rng: Rng) -> Array:
    """Add up to 0.5 s of digital zero in front and behind."""
    before, after = (int(rng.uniform(0, 0.5) * SAMPLE_RATE) for _ in range(2))
    return np.pad(samples, (before, after))


def _coloured(n: int, rng: Rng) -> NDArray[np.float64]:
    """Noise whose power falls with the frequency to the power of 0 (white) to 2 (brown)."""
    size = fft.next_fast_len(n, real=True)
    hertz = np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1) + 20
    spectrum = fft.rfft(rng.standard_normal(size)) * (hertz / hertz[0]) ** -rng.uniform(0, 1)
    return fft.irfft(spectrum, size)[:n]


def _hum(n: int, rng: Rng) -> NDArray[np.float64]:
    """Eight harmonics of 50, 60, 100 or 120 Hz."""
    phase = 2 * np.pi * rng.choice([50, 60, 100, 120]) * np.arange(n) / SAMPLE_RATE
    return sum(rng.random() / k * np.sin(k * phase + rng.uniform(0, 2 * np.pi)) for k in range(1, 9))


def _filtered(samples: Array, gains: Callable[[Array], Array]) -> Array:
    """Multiply the STFT by gains, which are computed from its power, `[frames, bins]`."""
    window = {"window": "hann", "nperseg": N_FFT, "noverlap": N_FFT - HOP}
    *_, spectrum = signal.stft(samples, **window)
    power = np.square(np.abs(spectrum.T)).astype(np.float32)
    *_, filtered = signal.istft(spectrum * gains(power).T, **window)
    return filtered[: len(samples)].astype(np.float32)


def _envelope(samples: Array) -> NDArray[np.float64]:
    """Level over time in dB relative to the loudest moment, `[n]`, smoothed over 12 ms in both directions."""
    smooth = ([0.005], [1, -0.995])
    forward = signal.lfilter(*smooth, np.square(samples, dtype=np.float64))
    both = signal.lfilter(*smooth, forward[::-1])[::-1]
    return 10 * np.log10(both / max(both.max(), 1e-30) + 1e-12)


def _coded(samples: Array, rng: Rng, **container: str) -> Array:
    """Code and decode in memory at the lower half of the bit rates."""
    file = io.BytesIO()
    loud = samples * np.float32(0.7 / max(np.abs(samples).max(), QUIET))
    soundfile.write(file, loud, SAMPLE_RATE, compression_level=rng.uniform(0.6, 1), **container)
    file.seek(0)
    decoded, rate = soundfile.read(file, dtype="float32")
    decoded = decoded if rate == SAMPLE_RATE else soxr.resample(decoded, rate, SAMPLE_RATE)
    return np.pad(decoded, (0, max(0, len(samples) - len(decoded))))[: len(samples)]


def _level(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _decibels(level: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """The factor of an amplitude for a level in dB."""
    return 10 ** (level / 20)
