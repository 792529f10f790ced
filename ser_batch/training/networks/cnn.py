"""The CNN, in Keras 3 for any backend: from the MFCCs or the log-mel of a window to logits of the emotions.

All 128 MFCCs are an invertible rotation of the log-mel spectrogram: the network first inverts it, then convolves over
time and frequency. A fixed noise floor is added to every clip, so that the room's own matters less. Frames of padding
are recognised by their level and left out of every mean.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ser_batch.audio.front_end import N_FRAMES, N_MELS
from ser_batch.training.networks.batch_norm import BatchNorm
from ser_batch.training.networks.layers import (
    BATCH_NORM_MOMENTUM,
    ActiveFrames,
    AttentiveStatistics,
    dense,
    log_mel_of,
    noise_floor,
)
from ser_batch.training.options import TIME_STRIDE, CnnSizes, NoiseFloorOptions


def build(
    n_classes: int,
    sizes: CnnSizes,
    floor: NoiseFloorOptions,
    frames: int | None = N_FRAMES,
    features: str = "mfcc",
) -> keras.Model:
    """Make a network with random weights: `[batch, frames, 128]` features in, `[batch, n_classes]` logits out.

    The features are one of `ser_batch.audio.front_end.FEATURES`; the weights do not depend on which. With
    `frames=None` the network takes any number of frames, equal within a batch; the weights are the same.
    Source of squeeze-and-excitation: J. Hu et al., CVPR 2018.
    """
    inputs = keras.Input((frames, N_MELS), name=features)
    bands = log_mel_of(inputs)
    active = ActiveFrames(name="active_frames", dtype="float32")(bands)
    bands = noise_floor(bands, active, floor)
    x = Normalise(name="normalise", dtype="float32")(bands, active)
    x = _convolve(_fold(x), sizes.stem, 3)
    active = layers.MaxPooling1D(TIME_STRIDE, padding="same", dtype="float32")(active)
    for width in sizes.widths:
        x = _convolve(x, width, 3, (1, 2))
        x = _residual(x, active, width)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
    x = layers.SpatialDropout1D(0.1)(x)
    x = _convolve_time(x, sizes.temporal, 1)
    x = layers.Add()([x, _convolve_time(x, sizes.temporal, 3)])
    x = layers.Add(name="frames")([x, _convolve_time(x, sizes.temporal, 3, dilation=2)])
    scores = dense(sizes.attention_heads)(dense(64, activation="tanh")(x))
    x = AttentiveStatistics(name="pool", dtype="float32")(x, scores, active)
    x = BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.Dropout(sizes.dropout, name="clip")(x)
    return keras.Model(inputs, dense(n_classes, dtype="float32", name="logits")(x), name="ser_batch")


def set_normaliser(model: keras.Model, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
    """Set the mean and the deviation of each mel band, `[128]` in dB, of the training speakers."""
    model.get_layer("normalise").set_weights([mean, deviation])


@keras.saving.register_keras_serializable("ser_batch")
class Normalise(layers.Layer):
    """Log-mel as two channels, `[batch, frames, 128, 2]`; padding is 0 in both.

    The first is standardised by each band's mean and deviation among the training speakers; from the second the
    clip's own mean of each band is subtracted, which removes the spectral colour of the recording.
    """

    def build(self, *shapes: Any) -> None:
        """Create the weights for the statistics of the training speakers."""
        self.mean = self.add_weight(shape=(N_MELS,), initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(
            shape=(N_MELS,), initializer="ones", trainable=False, name="deviation"
        )

    def call(self, bands: Any, active: Any) -> Any:
        """Standardise by the corpus and by the clip."""
        own = ops.sum(bands * active, axis=1, keepdims=True) / (ops.sum(active, axis=1, keepdims=True) + 1e-3)
        by_corpus = (bands - self.mean) / self.deviation * active
        by_clip = (bands - own) / self.deviation * active
        return ops.stack([by_corpus, by_clip], axis=-1)


@keras.saving.register_keras_serializable("ser_batch")
class ActiveMean(layers.Layer):
    """Mean of each channel over bands and active frames: `[batch, 1, 1, channels]` from a feature map."""

    def call(self, x: Any, active: Any) -> Any:
        """Average over bands, then over the frames that `active` `[batch, frames, 1]` marks."""
        active = ops.cast(active, x.dtype)
        mean = ops.sum(ops.mean(x, axis=2) * active, axis=1) / (ops.sum(active, axis=1) + 1e-3)
        return ops.expand_dims(ops.expand_dims(mean, 1), 1)


def _fold(x: Any) -> Any:
    """Channels of four frames and two bands become one cell's, `[batch, n, 128, 2]` to `[batch, n / 4, 64, 16]`.

    A strided convolution of two channels has the same input, but takes ten times as long.
    """
    bands, channels = x.shape[2] // 2, 2 * x.shape[3]
    x = layers.Reshape((-1, TIME_STRIDE, bands, channels))(x)
    x = layers.Permute((1, 3, 2, 4))(x)
    return layers.Reshape((-1, bands, TIME_STRIDE * channels))(x)


def _convolve(x: Any, width: int, kernel: int | tuple[int, int], strides: int | tuple[int, int] = 1) -> Any:
    return layers.ReLU()(_convolve_linear(x, width, kernel, strides))


def _convolve_linear(
    x: Any, width: int, kernel: int | tuple[int, int], strides: int | tuple[int, int] = 1
) -> Any:
    x = layers.Conv2D(
        width, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x)


def _convolve_time(x: Any, width: int, kernel: int, dilation: int = 1) -> Any:
    x = layers.Conv1D(
        width, kernel, padding="same", dilation_rate=dilation, use_bias=False, kernel_initializer="he_normal"
    )(x)
    return layers.ReLU()(BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x))


def _residual(x: Any, active: Any, width: int) -> Any:
    y = _convolve_linear(x, width, 3)
    gate = ActiveMean()(y, active)
    gate = dense(max(8, width // 8), activation="relu")(gate)
    gate = dense(width, activation="sigmoid")(gate)
    return layers.ReLU()(layers.Add()([x, layers.Multiply()([y, gate])]))
