"""Shared parts of the decoders: block size, array type, and `DecodeError`."""

import numpy as np
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError

BLOCK_VALUES = 65_536  # samples times channels; a block fits into the processor's cache
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's number of frames for a streamed file of unknown length

Array = NDArray[np.float32]
Piece = tuple[int, Array]  # decoded audio: sample rate in Hz, and float32 [n, channels]


class DecodeError(SerBatchError):
    """The file is not audio, or it is damaged or truncated."""
