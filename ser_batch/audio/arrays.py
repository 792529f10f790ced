"""Arrays in memory as blocks of mono audio, like those that `ser_batch.audio.decoding.decode` reads from a file."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_batch.audio.decoding.common import BLOCK_VALUES, Array, Piece
from ser_batch.audio.decoding.decode import MAX_VALUE, SAMPLE_RATES
from ser_batch.audio.decoding.mono import Mixer
from ser_batch.errors import SerBatchError


def blocks(array: ArrayLike, sample_rate: float) -> tuple[int, Iterator[Array]]:
    """Split an array into blocks, mixed down to mono: the same numbers as from a file with these samples.

    Args:
        array: `[n]`, `[channels, n]` or `[n, channels]`; the shorter axis is taken for the channels. Floats with a
            full scale of ±1, or integers of 8, 16 or 32 bits.
        sample_rate: in Hz.

    Returns:
        The sample rate, and an iterator over float32 `[n]` blocks.

    Raises:
        SerBatchError: not audio; while iterating, samples that are not finite.
    """
    samples = np.asarray(array)
    if sample_rate not in SAMPLE_RATES:
        raise SerBatchError(
            f"sample rate {sample_rate}: not a whole number from 1,000 to 768,000: give it in Hz"
        )
    if samples.ndim not in (1, 2) or not samples.size:
        raise SerBatchError(
            f"array of shape {samples.shape}: not audio: give [n], [channels, n] or [n, channels], n > 0"
        )
    if samples.dtype.kind != "f" and (samples.dtype.kind not in "iu" or samples.dtype.itemsize > 4):
        raise SerBatchError(
            f"samples of type {samples.dtype}: not audio: give floats, or integers of 8, 16 or 32 bits"
        )
    frames = samples.reshape(len(samples), -1)
    if samples.ndim == 2 and len(frames) <= frames.shape[1]:
        frames = frames.T
    return int(sample_rate), Mixer().blocks(_pieces(frames, int(sample_rate)), int(sample_rate))


def _pieces(frames: NDArray[Any], sample_rate: int) -> Iterator[Piece]:
    """Pieces of `[n, channels]`, converted to float32 with a full scale of ±1."""
    step = max(1, BLOCK_VALUES // frames.shape[1])
    for start in range(0, len(frames), step):
        piece = frames[start : start + step]
        values = piece.astype(np.float64, order="C")
        if piece.dtype.kind != "f":
            full_scale = 2.0 ** (8 * piece.dtype.itemsize - 1)
            values = (values - full_scale * (piece.dtype.kind == "u")) / full_scale
        if not (np.abs(values) < MAX_VALUE).all():
            raise SerBatchError(
                "samples: not finite (NaN, infinity, or beyond 1e9): check how the array was made"
            )
        yield sample_rate, values.astype(np.float32)
