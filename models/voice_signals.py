"""Signals for the voice detector's material: sounds of machines, and what rooms and telephone lines do to sound.

All take and give float32 `[n]` at 16 kHz; `rng` makes every choice.
"""

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ser_batch.audio.front_end import SAMPLE_RATE, WINDOW_SAMPLES

Array = NDArray[np.float32]
Rng = np.random.Generator

SECONDS = np.arange(WINDOW_SAMPLES) / SAMPLE_RATE
TAU = 2 * np.pi


def machine(rng: Rng) -> Array:
    """3 s of a tone, a cadence, DTMF, ringing, a siren, hum, a modem, noise, knocks, notes, chirps or an engine."""
    kind = MACHINES[rng.integers(len(MACHINES))]
    sound = kind(rng)
    sound = sound + np.abs(sound).max() * 10 ** -rng.uniform(1, 5) * rng.standard_normal(WINDOW_SAMPLES)
    return (0.5 * sound / max(np.abs(sound).max(), 1e-9)).astype(np.float32)


def altered(samples: Array, rng: Rng, plain: float) -> Array:
    """As it is with probability `plain`; else over the telephone, in a room, with the treble cut, or the first two."""
    change = rng.random()
    if change < plain:
        return samples
    change = (change - plain) / (1 - plain)
    if change < 0.3:
        return telephone(samples)
    if change < 0.65:
        return in_a_room(samples, rng)
    if change < 0.85:
        return _filtered(samples, rng.uniform(2500, 7000), "low", 4)
    return telephone(in_a_room(samples, rng))


def telephone(samples: Array) -> Array:
    """300 to 3,400 Hz, in 8 bits of μ-law (ITU-T G.711)."""
    line = _filtered(samples, [300, 3400], "band", 4)
    loudest = np.abs(line).max() + 1e-9
    coded = np.round(127 * np.log1p(255 * np.abs(line) / loudest) / np.log(256)) / 127
    return _filtered(np.sign(line) * np.expm1(coded * np.log(256)) / 255, 3600, "low", 6)


def in_a_room(samples: Array, rng: Rng) -> Array:
    """With a reverberation of decaying noise: T60 from 0.15 to 1 s, 0 to 15 dB below the direct sound."""
    decay = rng.uniform(0.15, 1.0)
    length = int(min(decay, 0.8) * SAMPLE_RATE)
    response = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / SAMPLE_RATE / decay)
    response *= 10 ** (-rng.uniform(0, 15) / 20) / np.sqrt(np.square(response).sum())
    response[0] += 1
    return scipy.signal.fftconvolve(samples, response)[: len(samples)].astype(np.float32)


def _filtered(samples: Array, edges: float | list[float], kind: str, order: int) -> Array:
    sections = scipy.signal.butter(order, edges, kind, fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(sections, samples).astype(np.float32)


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _cadence(rng: Rng, on: tuple[float, float], off: tuple[float, float]) -> Array:
    """On and off in turn; a third of the time without a pause."""
    if rng.random() < 0.3:
        return np.ones(WINDOW_SAMPLES)
    length, pause = _log_uniform(rng, *on), _log_uniform(rng, *off)
    return ((SECONDS + rng.uniform(0, 3)) % (length + pause) < length).astype(float)


def _swept(frequency: Array) -> Array:
    return np.sin(TAU * np.cumsum(np.minimum(frequency, 7800)) / SAMPLE_RATE)


def _tone(rng: Rng) -> Array:
    return np.sin(TAU * _log_uniform(rng, 80, 6000) * SECONDS) * _cadence(rng, (0.03, 2), (0.03, 3))


def _two_tones(rng: Rng) -> Array:
    both = sum(np.sin(TAU * _log_uniform(rng, 200, 2000) * SECONDS) for _ in range(2))
    return both * _cadence(rng, (0.03, 2), (0.03, 3))


def _dtmf(rng: Rng) -> Array:
    length = _log_uniform(rng, 0.04, 0.4)
    key = (SECONDS / (2 * length)).astype(int)
    rows = np.array([697, 770, 852, 941])[rng.integers(4, size=key.max() + 1)][key]
    columns = np.array([1209, 1336, 1477, 1633])[rng.integers(4, size=key.max() + 1)][key]
    return (np.sin(TAU * rows * SECONDS) + np.sin(TAU * columns * SECONDS)) * (
        SECONDS % (2 * length) < length
    )


def _bell(rng: Rng) -> Array:
    frequency, ratio = _log_uniform(rng, 300, 3000), rng.uniform(1.05, 1.6)
    high = np.sin(TAU * _log_uniform(rng, 5, 30) * SECONDS) > 0
    return _swept(np.where(high, frequency, frequency * ratio)) * _cadence(rng, (0.03, 2), (0.03, 3))


def _siren(rng: Rng) -> Array:
    octaves = np.sin(TAU * _log_uniform(rng, 0.1, 8) * SECONDS) * rng.uniform(0.1, 1.5)
    return _swept(_log_uniform(rng, 100, 1000) * np.exp2(octaves)) * _cadence(rng, (0.03, 2), (0.03, 3))


def _hum(rng: Rng) -> Array:
    mains = float(rng.choice([50, 60, 100, 120])) * rng.uniform(0.98, 1.02)
    return sum(rng.random() / k * np.sin(TAU * k * mains * SECONDS) for k in range(1, rng.integers(3, 40)))


def _modem(rng: Rng) -> Array:
    bits = rng.integers(2, size=3600)[(SECONDS * _log_uniform(rng, 20, 1200)).astype(int) % 3600]
    return _swept(np.where(bits, _log_uniform(rng, 400, 1500), _log_uniform(rng, 1000, 2500)))


def _noise(rng: Rng) -> Array:
    spectrum = np.fft.rfft(rng.standard_normal(WINDOW_SAMPLES))
    tilt = (np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE) + 20) ** -rng.uniform(-0.5, 1.5)
    noise = np.fft.irfft(spectrum * tilt, WINDOW_SAMPLES)
    if rng.random() < 0.6:
        phase = TAU * _log_uniform(rng, 0.2, 12) * SECONDS + rng.uniform(0, TAU)
        noise *= 1 + rng.uniform(0, 1) * np.sin(phase)
    return noise


def _knocks(rng: Rng) -> Array:
    at = np.cumsum(rng.uniform(0.5, 1.5, size=400) * _log_uniform(rng, 0.02, 1)) * SAMPLE_RATE
    at = at[at < WINDOW_SAMPLES].astype(int)
    pulses = np.zeros(WINDOW_SAMPLES)
    pulses[at] = rng.uniform(0.2, 1, size=len(at))
    time = np.arange(int(_log_uniform(rng, 0.002, 0.1) * SAMPLE_RATE)) / SAMPLE_RATE
    body = rng.standard_normal(len(time)) * np.exp(-5 * time / time[-1])
    return scipy.signal.fftconvolve(pulses, body * np.sin(TAU * _log_uniform(rng, 60, 4000) * time))[
        :WINDOW_SAMPLES
    ]


def _notes(rng: Rng) -> Array:
    length = _log_uniform(rng, 0.05, 0.8)
    note = (SECONDS / length).astype(int)
    pitch = _log_uniform(rng, 80, 800) * 2 ** (rng.integers(-12, 13, size=note.max() + 1)[note] / 12)
    phase = np.cumsum(pitch) / SAMPLE_RATE
    wave = 2 * (phase % 1) - 1 if rng.random() < 0.5 else np.sign(np.sin(TAU * phase))
    return wave * np.exp(-(SECONDS % length) / length * rng.uniform(0, 4))


def _chirps(rng: Rng) -> Array:
    length = _log_uniform(rng, 0.03, 0.5)
    part = (SECONDS % length) / length
    trill = 0.2 * np.sin(TAU * _log_uniform(rng, 5, 50) * SECONDS)
    sound = _swept(_log_uniform(rng, 500, 4000) * np.exp2(rng.uniform(-1, 1) * part + trill))
    return sound * np.sin(np.pi * part) * _cadence(rng, (0.2, 1.5), (0.1, 1.5))


def _engine(rng: Rng) -> Array:
    rate = _log_uniform(rng, 8, 150) * (1 + 0.2 * np.sin(TAU * _log_uniform(rng, 0.1, 1) * SECONDS))
    pulses = np.diff(np.floor(np.cumsum(rate) / SAMPLE_RATE), prepend=0) * rng.uniform(
        0.6, 1, size=WINDOW_SAMPLES
    )
    time = np.arange(SAMPLE_RATE // 10) / SAMPLE_RATE
    body = sum(
        np.exp(-time * _log_uniform(rng, 20, 400)) * np.sin(TAU * _log_uniform(rng, 60, 3000) * time)
        for _ in range(3)
    )
    return scipy.signal.fftconvolve(pulses, body)[:WINDOW_SAMPLES]


MACHINES = (
    _tone, _two_tones, _dtmf, _bell, _siren, _hum, _modem, _noise, _knocks, _notes, _chirps, _engine
)  # fmt: skip
