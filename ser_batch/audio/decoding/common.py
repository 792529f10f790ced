"""What the decoders share: the error for a file that cannot be decoded, and the size of a block."""

import numpy as np
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError

BLOCK_VALUES = 65_536  # samples times channels: a block stays in the processor's cache
UNCOUNTED = 2**63 - 1  # libsndfile's number of frames of a file that was streamed: not known

Array = NDArray[np.float32]


class DecodeError(SerBatchError):
    """A file that is not audio, or not all of the audio that it says it is."""
