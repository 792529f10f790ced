"""The classifier on the Whisper encoder: weighted layers, attentive pooling, heads. MFCCs of a window → logits.

Source of the encoder: A. Radford et al., 2022 (see `whisper_encoder`); of pooling several layers of a speech network by
learned weights: S. Yang et al., "SUPERB", Interspeech 2021.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ser_batch.audio.front_end import HOP, N_FRAMES, N_MELS
from ser_batch.training.networks import whisper_encoder
from ser_batch.training.networks.batch_norm import BatchNorm
from ser_batch.training.networks.layers import (
    BATCH_NORM_MOMENTUM,
    ActiveFrames,
    AttentiveStatistics,
    dense,
    log_mel_of,
    noise_floor,
)
from ser_batch.training.options import ClassifierSizes, EncoderOptions, NoiseFloorOptions

HEAD = "head_"  # prefix of the output layers of several heads; `logits` is their mean


def build(
    n_classes: int,
    sizes: ClassifierSizes,
    floor: NoiseFloorOptions,
    frames: int | None = N_FRAMES,
    features: str = "mfcc",
) -> keras.Model:
    """Make the network with random weights: `[batch, frames, 128]` features in, `[batch, n_classes]` logits out.

    Arguments as for `cnn.build`, `frames` at most 188. `whisper_encoder.load` gives the encoder its weights.
    """
    inputs = keras.Input((frames, N_MELS), name=features)
    bands = log_mel_of(inputs)
    active = ActiveFrames(name="active_frames", dtype="float32")(bands)
    bands = noise_floor(bands, active, floor)
    active = EncoderFrames(name="active_encoder_frames", dtype="float32")(active)
    outputs = [
        Standardise(name=f"standard_{i}", dtype="float32")(each)
        for i, each in enumerate(whisper_encoder.encode(bands))
    ]
    if sizes.frames_averaged > 1:
        outputs = [layers.AveragePooling1D(sizes.frames_averaged, dtype="float32")(each) for each in outputs]
        active = layers.MaxPooling1D(sizes.frames_averaged, dtype="float32")(active)
    x = LayerSum(name="layers", dtype="float32")(outputs)
    clips = [_pool(x, active, sizes, "clip" if i == 0 else f"clip_{i}") for i in range(sizes.heads)]
    names = ["logits"] if sizes.heads == 1 else [f"{HEAD}{i}" for i in range(sizes.heads)]
    logits = [
        dense(n_classes, dtype="float32", name=name)(clip) for name, clip in zip(names, clips, strict=True)
    ]
    mean = layers.Average(name="logits")(logits) if sizes.heads > 1 else logits[0]
    return keras.Model(inputs, mean, name="ser_batch")


def _pool(x: Any, active: Any, sizes: ClassifierSizes, name: str) -> Any:
    """One vector for each clip, `[batch, hidden]`, from its frames."""
    x = layers.Dropout(sizes.frame_dropout)(x)
    x = dense(sizes.width, activation=whisper_encoder.gelu)(x)
    scores = dense(sizes.attention_heads)(x)
    x = AttentiveStatistics(dtype="float32")(x, scores, active)
    x = BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.Dropout(sizes.dropout)(x)
    x = dense(sizes.hidden, activation="relu")(x)
    return layers.Dropout(sizes.dropout, name=name)(x)


def set_standards(model: keras.Model, features: NDArray[np.float32]) -> None:
    """Set mean and deviation of the encoder's outputs from features of some clips, `[clips, 188, 128]`.

    Batch norm in their place would change the scale while the encoder is trained, which `keep_share` does not allow.
    """
    named = [model.get_layer(f"standard_{i}") for i in range(whisper_encoder.OUTPUTS)]
    inside = keras.Model(
        model.input, [[layer.input for layer in named], model.get_layer("active_encoder_frames").output]
    )
    outputs, active = inside.predict_on_batch(features)
    for layer, output in zip(named, outputs, strict=True):
        frames = output[active[..., 0] > 0]
        layer.set_weights([frames.mean(axis=0), frames.std(axis=0)])


def keep_share(model: keras.Model, before: Sequence[NDArray[np.float32]], kept: float) -> None:
    """Keep a share of the changes that training made to the encoder, which then forgets less of other speech.

    Source: M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.

    Args:
        model: the trained network.
        before: its weights before the training, in the order of `model.get_weights()`.
        kept: 1 keeps all of the change, 0 none of it.
    """
    shares = [kept if in_encoder(variable.path) else 1.0 for variable in model.weights]
    trained = model.get_weights()
    model.set_weights(
        [old + share * (new - old) for old, new, share in zip(before, trained, shares, strict=True)]
    )


@keras.saving.register_keras_serializable("ser_batch")
class EncoderFrames(layers.Layer):
    """Active frames of the encoder, `[batch, n, 1]`, from those of the log-mel, `[batch, frames, 1]`."""

    def call(self, active: Any) -> Any:
        """Take the nearest frame of the log-mel."""
        n_frames = ops.shape(active)[1]
        middle = (
            ops.cast(ops.arange(whisper_encoder.frames_of(n_frames)), "float32")
            * (2 * whisper_encoder.HOP / HOP)
            + 0.8
        )
        return ops.take(active, ops.minimum(ops.cast(middle, "int32"), n_frames - 1), axis=1)


@keras.saving.register_keras_serializable("ser_batch")
class Standardise(layers.Layer):
    """Frames `[batch, n, width]`, scaled by the mean and the deviation that each channel had before training."""

    def build(self, shape: Any) -> None:
        """Create the weights for the statistics."""
        self.mean = self.add_weight(shape=shape[-1:], initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(
            shape=shape[-1:], initializer="ones", trainable=False, name="deviation"
        )

    def call(self, x: Any) -> Any:
        """Shift and scale."""
        return (x - self.mean) / (self.deviation + 1e-2)


@keras.saving.register_keras_serializable("ser_batch")
class LayerSum(layers.Layer):
    """A weighted sum of the outputs of several layers, by the softmax of one learned weight each."""

    def build(self, shapes: Any) -> None:
        """Create the weights, all equal."""
        self.scores = self.add_weight(shape=(len(shapes),), initializer="zeros", name="scores")

    def call(self, outputs: Any) -> Any:
        """Sum `[batch, frames, width]` each, at the scale of one."""
        weights = ops.softmax(self.scores) * np.float32(len(outputs) ** 0.5)
        return sum(weights[i] * output for i, output in enumerate(outputs))


def learning_rate_share(path: str, options: EncoderOptions) -> float:
    """The share of the heads' learning rate for the variable at a path: smaller for layers nearer to the input."""
    above = _layers_above(path)
    return 1.0 if above is None else options.learning_rate * options.decay**above


def in_encoder(path: str) -> bool:
    """Whether the variable at a path belongs to the encoder."""
    return _layers_above(path) is not None


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a network behind its encoder; both parts share its weights.

    Returns:
        From features to the encoder's standardised outputs, `[batch, n, 384]` each, and the active frames,
        `[batch, n, 1]`; and from all of these to the logits.
    """
    pool = next(layer for layer in model.layers if isinstance(layer, AttentiveStatistics))
    between = [*model.get_layer("layers").input, pool.input[2]]
    return keras.Model(model.input, between), keras.Model(between, model.output)


def with_mixup(model: keras.Model) -> keras.Model:
    """The same network with mixup of the encoder's outputs, for training; it shares the weights.

    Source: V. Verma et al., "Manifold Mixup", ICML 2019.

    Returns:
        A model from features, each clip's own share `[batch, 1, 1]` and the index of its partner, `[batch]`.
    """
    encoder, head = split(model)
    share, other = keras.Input((1, 1), name="share"), keras.Input((), dtype="int32", name="other")
    *blends, active = [share * each + (1 - share) * ops.take(each, other, axis=0) for each in encoder.output]
    # a frame of a blend is active where either is
    blends.append(ops.cast(active > 0, "float32"))
    return keras.Model([encoder.input, share, other], head(blends))


def _layers_above(path: str) -> int | None:
    """The number of encoder layers above the variable at a path; None outside the encoder."""
    layer = path.split("/")[-2]
    if layer.split("_")[0].isdigit():
        return whisper_encoder.LAYERS - 1 - int(layer.split("_")[0])
    lowest = whisper_encoder.LAYERS
    return {"conv1": lowest, "conv2": lowest, "positions": lowest, "norm": 0}.get(layer)
