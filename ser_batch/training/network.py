"""The network: MFCCs of a window, or its log-mel → logits of the emotions, in Keras 3 for any of its backends.

All 128 MFCCs are an invertible rotation of the log-mel spectrogram, so the network first turns it back and then
convolves over time and frequency. Frames of silence and of zero padding are recognised by their level and left out
of every mean, so a clip is judged by its speech alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ser_batch.audio.features import rotate
from ser_batch.audio.front_end import N_FRAMES, N_MELS
from ser_batch.errors import SerBatchError
from ser_batch.training.batch_norm import BatchNorm
from ser_batch.training.options import QUIETEST_CELL_DB, QUIETEST_FRAME_DB, TIME_STRIDE, Architecture
from ser_batch.training.teacher import Teacher

BATCH_NORM_MOMENTUM = 0.9
JUDGE = "judge_"  # how the names of layers begin whose mean the logits are

# row k is the k-th basis function over the bands; the 0-th is constant
_DCT = rotate(np.eye(N_MELS, dtype=np.float32)).T
_DCT_BUT_FIRST = np.concatenate([np.zeros_like(_DCT[:1]), _DCT[1:]])


def build(
    n_classes: int, sizes: Architecture, frames: int | None = N_FRAMES, features: str = "mfcc"
) -> keras.Model:
    """Make a network with random weights: `[batch, frames, 128]` features in, `[batch, n_classes]` logits out.

    The features are one of `ser_batch.audio.front_end.FEATURES`; the weights do not depend on which. With
    `frames=None` it takes any number, as long as one batch has but one; the weights are the same.
    Squeeze-and-excitation: J. Hu et al., CVPR 2018. Attentive statistics: K. Okabe et al., Interspeech 2018.
    """
    inputs = keras.Input((frames, N_MELS), name=features)
    bands = log_mel_of(inputs)
    heard = HeardFrames(name="heard", dtype="float32")(bands)
    x = Normalise(name="normalise", dtype="float32")(bands, heard)
    x = _convolve(_fold(x), sizes.stem, 3)
    heard = layers.MaxPooling1D(TIME_STRIDE, padding="same", dtype="float32")(heard)
    for width in sizes.widths:
        x = _convolve(x, width, 3, (1, 2))
        x = _residual(x, heard, width)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
    x = layers.SpatialDropout1D(0.1)(x)
    x = _convolve_time(x, sizes.temporal, 1)
    x = layers.Add()([x, _convolve_time(x, sizes.temporal, 3)])
    x = layers.Add(name="frames")([x, _convolve_time(x, sizes.temporal, 3, dilation=2)])
    scores = layers.Dense(sizes.heads)(layers.Dense(64, activation="tanh")(x))
    x = AttentiveStatistics(name="pool", dtype="float32")(x, scores, heard)
    x = BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.Dropout(sizes.dropout, name="clip")(x)
    return keras.Model(inputs, layers.Dense(n_classes, dtype="float32", name="logits")(x), name="ser_batch")


def log_mel_of(inputs: Any) -> Any:
    """Log-mel of a network's inputs, which are named after what they are."""
    return InverseDCT(name="log_mel", dtype="float32")(inputs) if inputs.name == "mfcc" else inputs


def reopen(path: Path, n_classes: int | None, frames: int | None = N_FRAMES) -> keras.Model:
    """Load a trained network, to go on with it.

    Args:
        path: of the `.keras` file.
        n_classes: of a new last layer with random weights; None keeps the one that it has.
        frames: as for `build`.

    Raises:
        SerBatchError: the file cannot be read, or is no network of ours.
    """

    def copy(layer: Any) -> Any:
        config = layer.get_config()
        changes = {"units": n_classes} if answers(layer) and "units" in config else {}
        return layer.__class__.from_config({**config, **changes})

    def answers(layer: Any) -> bool:
        return bool(n_classes) and (layer.name == "logits" or layer.name.startswith(JUDGE))

    try:
        trained = keras.models.load_model(path, compile=False, safe_mode=True)
        inputs = keras.Input((frames, N_MELS), name=trained.input.name)
        model = keras.models.clone_model(trained, input_tensors=inputs, clone_function=copy)
        for layer in trained.layers:
            if not answers(layer):
                model.get_layer(layer.name).set_weights(layer.get_weights())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SerBatchError(
            f"{path}: Keras cannot open it, so that no training can begin with it."
        ) from error
    return model


def without_rotation(model: keras.Model) -> keras.Model:
    """The same network from log-mel on: MFCCs that are turned back at once need not be made."""
    if model.input.name != "mfcc":
        return model
    return keras.Model(model.get_layer("log_mel").output, model.output, name=model.name)


def for_training(
    model: keras.Model, teacher: Teacher | None = None, auxiliary: Mapping[str, int] | None = None
) -> keras.Model:
    """The same network with its outputs by name, and what it shall learn besides: layers that are not kept.

    Args:
        model: as `build` makes it.
        teacher: to be imitated, by networks with its frame rate; Whisper itself learns from its labels alone.
        auxiliary: attributes to tell from the whole clip, and how many values each has.

    Returns:
        A model from features to `logits` `[batch, n_classes]`, and to each judge's where they are several's mean; with
        a teacher also to `frames` `[batch, frames / 4, 96]` and `clip` `[batch, 64]`; and to `[batch, values]` for each
        attribute.
    """
    judges = [layer for layer in model.layers if layer.name.startswith(JUDGE)]
    outputs = {"logits": model.output} | {judge.name: judge.output for judge in judges}
    for name, values in (auxiliary or {}).items():
        tell = layers.Dense(values, dtype="float32", name=f"tell_{name}")
        outputs[name] = tell(model.get_layer("clip").output)
    if teacher and any(layer.name == "frames" for layer in model.layers):
        for name, components in (("frames", teacher.frames), ("clip", teacher.clips)):
            imitate = layers.Dense(components.shape[-1], dtype="float32", name=f"imitate_{name}")
            outputs[name] = imitate(model.get_layer(name).output)
    return keras.Model(model.input, outputs)


def set_normaliser(model: keras.Model, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
    """Give a network the mean and the deviation of each mel band, `[128]` in dB, of its training speakers."""
    model.get_layer("normalise").set_weights([mean, deviation])


@keras.saving.register_keras_serializable("ser_batch")
class InverseDCT(layers.Layer):
    """MFCCs back to log-mel in dB, `[batch, frames, 128]` in and out.

    The first coefficient, which is large, is added apart, so that reduced precision spares the others.
    """

    def call(self, mfcc: Any) -> Any:
        """Rotate by the transpose of the orthonormal DCT-II."""
        return ops.matmul(mfcc, ops.convert_to_tensor(_DCT_BUT_FIRST)) + mfcc[:, :, :1] * _DCT[0, 0]


@keras.saving.register_keras_serializable("ser_batch")
class HeardFrames(layers.Layer):
    """1 for a frame with sound in any band, 0 for silence and padding: `[batch, frames, 1]` from log-mel."""

    def call(self, bands: Any) -> Any:
        """Compare each frame's loudest band with the window's."""
        return ops.cast(ops.max(bands, axis=-1, keepdims=True) > QUIETEST_FRAME_DB, "float32")


@keras.saving.register_keras_serializable("ser_batch")
class Normalise(layers.Layer):
    """Log-mel as two channels, `[batch, frames, 128, 2]`; silent frames are 0 in both.

    The first is standardised by each band's mean and deviation among the training speakers; from the second the
    clip's own mean of each band is taken, which removes the recording's colour.
    """

    def build(self, *shapes: Any) -> None:
        """Make room for the statistics of the training speakers."""
        self.mean = self.add_weight(shape=(N_MELS,), initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(
            shape=(N_MELS,), initializer="ones", trainable=False, name="deviation"
        )

    def call(self, bands: Any, heard: Any) -> Any:
        """Standardise by the corpus and by the clip."""
        bands = ops.maximum(bands, QUIETEST_CELL_DB)
        own = ops.sum(bands * heard, axis=1, keepdims=True) / (ops.sum(heard, axis=1, keepdims=True) + 1e-3)
        by_corpus = (bands - self.mean) / self.deviation * heard
        by_clip = (bands - own) / self.deviation * heard
        return ops.stack([by_corpus, by_clip], axis=-1)


@keras.saving.register_keras_serializable("ser_batch")
class HeardMean(layers.Layer):
    """Mean of each channel over bands and true frames: `[batch, 1, 1, channels]` from a feature map."""

    def call(self, x: Any, heard: Any) -> Any:
        """Average over bands, then over the frames that `heard` `[batch, frames, 1]` marks."""
        heard = ops.cast(heard, x.dtype)
        mean = ops.sum(ops.mean(x, axis=2) * heard, axis=1) / (ops.sum(heard, axis=1) + 1e-3)
        return ops.expand_dims(ops.expand_dims(mean, 1), 1)


@keras.saving.register_keras_serializable("ser_batch")
class AttentiveStatistics(layers.Layer):
    """Weighted mean and deviation over true frames, `[batch, heads * 2 * channels]`."""

    def call(self, x: Any, scores: Any, heard: Any) -> Any:
        """Pool `x` `[batch, frames, channels]` by the softmax of `scores` `[batch, frames, heads]`."""
        weights = ops.softmax(scores - (1 - heard) * 1e4, axis=1)
        statistics = []
        for head in range(scores.shape[-1]):
            weight = weights[:, :, head : head + 1]
            mean = ops.sum(weight * x, axis=1)
            variance = ops.sum(weight * ops.square(x), axis=1) - ops.square(mean)
            statistics += [mean, ops.sqrt(ops.maximum(variance, 0) + 1e-4)]
        return ops.concatenate(statistics, axis=-1)


def _fold(x: Any) -> Any:
    """Channels of four frames and two bands become one cell's, `[batch, n, 128, 2]` to `[batch, n / 4, 64, 16]`.

    A strided convolution of two channels would see the same, but takes ten times as long.
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


def _residual(x: Any, heard: Any, width: int) -> Any:
    y = _convolve_linear(x, width, 3)
    gate = HeardMean()(y, heard)
    gate = layers.Dense(max(8, width // 8), activation="relu")(gate)
    gate = layers.Dense(width, activation="sigmoid")(gate)
    return layers.ReLU()(layers.Add()([x, layers.Multiply()([y, gate])]))
