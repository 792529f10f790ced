"""Layers that both networks share: inverse DCT, active frames, attentive statistics."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ser_batch.audio.features import rotate
from ser_batch.audio.front_end import N_MELS
from ser_batch.training.options import QUIETEST_FRAME_DB

BATCH_NORM_MOMENTUM = 0.9

# row k is the k-th basis function over the bands; the 0-th is constant
_DCT = rotate(np.eye(N_MELS, dtype=np.float32)).T
_DCT_BUT_FIRST = np.concatenate([np.zeros_like(_DCT[:1]), _DCT[1:]])


def log_mel_of(inputs: Any) -> Any:
    """Log-mel of a network's inputs; the name of the inputs, `mfcc` or `logmel`, says which features they are."""
    return InverseDCT(name="log_mel", dtype="float32")(inputs) if inputs.name == "mfcc" else inputs


@keras.saving.register_keras_serializable("ser_batch")
class InverseDCT(layers.Layer):
    """MFCCs back to log-mel in dB, `[batch, frames, 128]` in and out.

    The first coefficient, which is large, is added separately: reduced precision then keeps the others exact.
    """

    def call(self, mfcc: Any) -> Any:
        """Rotate by the transpose of the orthonormal DCT-II."""
        return ops.matmul(mfcc, ops.convert_to_tensor(_DCT_BUT_FIRST)) + mfcc[:, :, :1] * _DCT[0, 0]


@keras.saving.register_keras_serializable("ser_batch")
class ActiveFrames(layers.Layer):
    """1 for a frame with sound in any band, 0 for silence and padding: `[batch, frames, 1]` from log-mel."""

    def call(self, bands: Any) -> Any:
        """Compare the loudest band of each frame with that of the window."""
        return ops.cast(ops.max(bands, axis=-1, keepdims=True) > QUIETEST_FRAME_DB, "float32")


@keras.saving.register_keras_serializable("ser_batch")
class AttentiveStatistics(layers.Layer):
    """Weighted mean and deviation over active frames, `[batch, heads * 2 * channels]`.

    Source: K. Okabe et al., "Attentive Statistics Pooling for Deep Speaker Embedding", Interspeech 2018.
    """

    def call(self, x: Any, scores: Any, active: Any) -> Any:
        """Pool `x` `[batch, frames, channels]` by the softmax of `scores` `[batch, frames, heads]`."""
        weights = ops.softmax(scores - (1 - active) * 1e4, axis=1)
        statistics = []
        for head in range(scores.shape[-1]):
            weight = weights[:, :, head : head + 1]
            mean = ops.sum(weight * x, axis=1)
            variance = ops.sum(weight * ops.square(x), axis=1) - ops.square(mean)
            statistics += [mean, ops.sqrt(ops.maximum(variance, 0) + 1e-4)]
        return ops.concatenate(statistics, axis=-1)
