"""Noise tests: clips with added noise, mixed as audio where there are files, else as spectrograms."""

import zlib

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, features
from ser_batch.audio.front_end import WINDOW_SECONDS
from ser_batch.audio.noise import Noise, mix
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError


def noisy_log_mel(table: FeatureTable, row: int, noise: Noise, snr_db: float) -> NDArray[np.float32]:
    """Log-mel in dB of a clip with noise, float32 `[188, 128]`.

    A clip's name says which window of the noise it gets, so that it is the same one at every ratio.

    Raises:
        SerBatchError: a stored table that went through noise reduction, which noise would have to precede.
    """
    window = zlib.crc32(table.names[row].encode()) % len(noise.samples)
    if table.paths:
        speech = load(table.paths[row], WINDOW_SECONDS)
        return features.log_mel(mix(speech, noise.samples[window], snr_db), table.denoise)
    if table.denoise != "off":
        raise SerBatchError(
            f"{table.corpus}: a stored table after noise reduction ({table.denoise}), and noise comes before it: "
            "give the corpus itself"
        )
    one = slice(row, row + 1)
    return augment_spectrogram.mix(table.log_mel(one), noise.power[window][None], table.frames[one], snr_db)[
        0
    ]
