"""Overlapping windows of a stream of audio, resampled to 16 kHz, with exact times at the file's own rate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from ser_batch.audio.front_end import SAMPLE_RATE

MICRO = 1_000_000  # times are counted in whole microseconds

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """A window: `[start, end)` in samples at the file's rate, and the audio at 16 kHz, not padded."""

    start: int
    end: int
    samples: Array


def windows(blocks: Iterable[Array], sample_rate: int, window: float, hop: float) -> Iterator[Window]:
    """Cut mono audio into windows; at most one window and one block are in memory.

    Window `k` starts at `k * hop`; the last one ends with the last sample and may be shorter than the others.

    Args:
        blocks: float32 `[n]` each, at `sample_rate`; their lengths do not change the windows.
        sample_rate: of the blocks, in Hz.
        window: length of a window in seconds.
        hop: distance between the starts of neighbouring windows in seconds, at most `window`.

    Yields:
        Every window, in order; nothing if there are no samples.
    """
    kept, first_kept, count = np.empty(0, np.float32), 0, 0
    length, native_length = _samples(window, SAMPLE_RATE), _samples(window, sample_rate)
    read = 0
    for fresh, read in _resample(blocks, sample_rate):
        kept = np.concatenate([kept, fresh])
        while (start := _samples(count * hop, SAMPLE_RATE) - first_kept) + length <= len(kept):
            native = _samples(count * hop, sample_rate)
            yield Window(native, min(native + native_length, read), kept[start : start + length])
            count += 1
        drop = min(max(start, 0), len(kept))
        kept, first_kept = kept[drop:], first_kept + drop

    covered = (count - 1) * hop + window if count else 0
    if round(covered * MICRO) * sample_rate < read * MICRO:
        yield Window(_samples(count * hop, sample_rate), read, kept)


def _samples(seconds: float, sample_rate: int) -> int:
    """Number of whole samples in a time. Computed in integers, so that the sum of many hops is exact."""
    return round(seconds * MICRO) * sample_rate // MICRO


def _resample(blocks: Iterable[Array], sample_rate: int) -> Iterator[tuple[Array, int]]:
    """Resample blocks to 16 kHz; each comes with the number of samples read so far at the original rate."""
    read = 0
    stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    for block in blocks:
        read += len(block)
        yield (block if sample_rate == SAMPLE_RATE else stream.resample_chunk(block)), read
    if sample_rate != SAMPLE_RATE:
        yield stream.resample_chunk(np.empty(0, np.float32), last=True), read


def load(path: str, seconds: float) -> Array:
    """The first `seconds` of a file: float32 `[n]`, 16 kHz mono, not padded.

    Raises:
        DecodeError, OSError: as `ser_batch.audio.decoding.decode.blocks` does.
    """
    from ser_batch.audio.decoding.decode import blocks

    sample_rate, audio = blocks(path)
    return next(windows(audio, sample_rate, seconds, seconds)).samples
