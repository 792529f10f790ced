"""Technical quality of a recording: level, clipping, silence, and a digest of the samples."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.activity import BELOW_LOUDEST_DB, SILENCE_DBFS
from ser_batch.audio.decoding import header
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.front_end import HOP, SAMPLE_RATE
from ser_batch.errors import SerBatchError

FULL_SCALE = 0.99
BLOCK_SECONDS = HOP / SAMPLE_RATE  # 16 ms, as in `activity`


@dataclass(frozen=True, slots=True)
class Quality:
    """Measurements of a file, mixed down to mono; None for what is not known.

    Attributes:
        duration: in seconds.
        sample_rate: in Hz.
        channels: number of channels by the header.
        rms_db: root mean square, dB relative to full scale; -100 or more.
        peak: largest absolute sample; 1 is full scale.
        clipped: share of the samples with at least 0.99 of full scale.
        silence: share of 16 ms blocks that are 35 dB below the loudest; 1 if all are below -70 dB full scale.
        digest: equal for files with the same samples, whatever their lossless formats.
    """

    duration: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    rms_db: float | None = None
    peak: float | None = None
    clipped: float | None = None
    silence: float | None = None
    digest: str = ""


def from_header(path: str) -> Quality:
    """Duration, sample rate and channels by the header: fast, but headers can be wrong."""
    found = header.read(path)
    return Quality(found.seconds, found.sample_rate, found.channels) if found else Quality()


def measure(path: str) -> Quality | str:
    """Decode a file block by block and measure it; returns the error message if it cannot be read."""
    try:
        return _measure(path)
    except (SerBatchError, OSError) as error:
        return str(error)


def _measure(path: str) -> Quality:
    sample_rate, audio = blocks(path)
    size = max(1, round(BLOCK_SECONDS * sample_rate))
    digest = hashlib.blake2b(str(sample_rate).encode(), digest_size=16)
    count, clipped, peak, energy = 0, 0, 0.0, 0.0
    powers: list[NDArray[np.float32]] = []
    kept = np.empty(0, np.float32)
    for samples in audio:
        digest.update(samples.tobytes())
        level = np.abs(samples)
        count += len(samples)
        clipped += int((level >= FULL_SCALE).sum())
        peak = max(peak, float(level.max()))
        energy += float(np.square(samples, dtype=np.float64).sum())
        kept = np.concatenate([kept, samples])
        whole = len(kept) // size * size
        powers.append(kept[:whole].reshape(-1, size).var(axis=1))
        kept = kept[whole:]
    if count < size:
        powers.append(kept.var(keepdims=True))
    found = header.read(path)
    return Quality(
        duration=count / sample_rate,
        sample_rate=sample_rate,
        channels=found.channels if found else None,
        rms_db=10 * float(np.log10(max(energy / count, 1e-10))),
        peak=peak,
        clipped=clipped / count,
        silence=_silence(np.concatenate(powers)),
        digest=digest.hexdigest(),
    )


def _silence(powers: NDArray[np.float32]) -> float:
    loudest = powers.max()
    if loudest <= 10 ** (SILENCE_DBFS / 10):
        return 1.0
    return float(np.mean(powers <= loudest * 10 ** (-BELOW_LOUDEST_DB / 10)))
