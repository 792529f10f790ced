"""Mono mix: from decoded pieces of any number of channels to blocks of mono samples at one sample rate."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from ser_batch.audio.activity import SILENCE_DBFS
from ser_batch.audio.decoding.common import BLOCK_VALUES, Array

CANCELLING = 0.2  # power of the mean times the channels, over their mean power: 1 for independent channels


class Mixer:
    """Averages the channels of one file; if they cancel each other, it takes the loudest one from there on."""

    def __init__(self) -> None:
        self._channel: int | None = None

    @property
    def cancelling(self) -> bool:
        """Return whether channels cancelled each other, as in a stereo file with one channel inverted."""
        return self._channel is not None

    def mix(self, frames: Array) -> Array:
        """Mono samples, float32 `[n]`, of float32 `[n, channels]`."""
        n, channels = frames.shape
        if channels == 1:
            return frames[:, 0]
        if self._channel is None:
            mixed: Array = frames.mean(axis=1)
            power = np.einsum("ij,ij->j", frames, frames) / n
            remaining = channels * float(np.dot(mixed, mixed)) / n
            if remaining >= CANCELLING * power.mean() or power.mean() <= 10 ** (SILENCE_DBFS / 10):
                return mixed
            self._channel = int(power.argmax())
        return np.ascontiguousarray(frames[:, min(self._channel, channels - 1)])

    def blocks(self, pieces: Iterable[tuple[int, Array]], sample_rate: int) -> Iterator[Array]:
        """Mix pieces and join them into blocks.

        Args:
            pieces: sample rate in Hz, and float32 `[n, channels]`; both may change between pieces.
            sample_rate: of the blocks, in Hz; pieces at another rate are resampled (soxr HQ).

        Yields:
            Float32 `[n]`, `n > 0`.
        """
        stream: soxr.ResampleStream | None = None
        rate = sample_rate
        for new_rate, frames in _joined(pieces):
            if new_rate != rate:
                yield from _end(stream)
                rate, stream = new_rate, None
                if rate != sample_rate:
                    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
            samples = self.mix(frames)
            if stream:
                samples = stream.resample_chunk(samples)
            if len(samples):
                yield samples
        yield from _end(stream)


def _end(stream: soxr.ResampleStream | None) -> Iterator[Array]:
    """The samples that a resampler still holds."""
    if stream and len(rest := stream.resample_chunk(np.empty(0, np.float32), last=True)):
        yield rest


def _joined(pieces: Iterable[tuple[int, Array]]) -> Iterator[tuple[int, Array]]:
    """Join short pieces of one rate and number of channels up to `BLOCK_VALUES` values."""
    kept: list[Array] = []
    kept_rate = values = 0
    for rate, piece in pieces:
        if kept and (rate, piece.shape[1]) != (kept_rate, kept[0].shape[1]):
            yield kept_rate, np.concatenate(kept)
            kept, values = [], 0
        kept.append(piece)
        kept_rate, values = rate, values + piece.size
        if values + piece.shape[1] > BLOCK_VALUES:
            yield rate, np.concatenate(kept) if len(kept) > 1 else piece
            kept, values = [], 0
    if kept:
        yield kept_rate, np.concatenate(kept)
