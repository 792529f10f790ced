"""Helpers for tests of the decoders."""

import os

import numpy as np

from ser_batch.audio.decoding.decode import blocks


def decode(path, rate=16_000, mixer=None):
    """All samples of a file, float32 `[n]`, whose sample rate is asserted."""
    sample_rate, audio = blocks(os.fspath(path), mixer)
    assert sample_rate == rate
    return np.concatenate(list(audio))


def write(path, data):
    """Write bytes and return the path."""
    path.write_bytes(data)
    return path
