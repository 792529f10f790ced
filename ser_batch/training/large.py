"""The large network: Whisper's encoder, fine-tuned, under attentive pooling. MFCCs of a window → logits.

Source of the encoder: A. Radford et al., 2022 (see `ser_batch.training.whisper`); of pooling several layers of a speech
network by learned weights: S. Yang et al., "SUPERB", Interspeech 2021.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ser_batch.audio.front_end import HOP, N_FRAMES, N_MELS
from ser_batch.training import whisper
from ser_batch.training.batch_norm import BatchNorm
from ser_batch.training.network import (
    BATCH_NORM_MOMENTUM,
    JUDGE,
    AttentiveStatistics,
    HeardFrames,
    log_mel_of,
)
from ser_batch.training.options import LargeArchitecture


def build(
    n_classes: int, sizes: LargeArchitecture, frames: int | None = N_FRAMES, features: str = "mfcc"
) -> keras.Model:
    """Make the network with random weights: `[batch, frames, 128]` features in, `[batch, n_classes]` logits out.

    Arguments as for `ser_batch.training.network.build`, `frames` at most 188. `whisper.load` gives the encoder weights.
    """
    inputs = keras.Input((frames, N_MELS), name=features)
    bands = log_mel_of(inputs)
    heard = HeardFrames(name="heard", dtype="float32")(bands)
    heard = EncoderFrames(name="encoder_heard", dtype="float32")(heard)
    outputs = [
        Standardise(name=f"standard_{i}", dtype="float32")(each)
        for i, each in enumerate(whisper.encode(bands))
    ]
    if sizes.frames_together > 1:
        outputs = [layers.AveragePooling1D(sizes.frames_together, dtype="float32")(each) for each in outputs]
        heard = layers.MaxPooling1D(sizes.frames_together, dtype="float32")(heard)
    x = LayerSum(name="layers", dtype="float32")(outputs)
    clips = [_pool(x, heard, sizes, "clip" if i == 0 else f"clip_{i}") for i in range(sizes.judges)]
    names = ["logits"] if sizes.judges == 1 else [f"{JUDGE}{i}" for i in range(sizes.judges)]
    logits = [
        _dense(n_classes, dtype="float32", name=name)(clip) for name, clip in zip(names, clips, strict=True)
    ]
    answer = layers.Average(name="logits")(logits) if sizes.judges > 1 else logits[0]
    return keras.Model(inputs, answer, name="ser_batch")


def _pool(x: Any, heard: Any, sizes: LargeArchitecture, name: str) -> Any:
    """One vector a clip, from its frames."""
    x = layers.Dropout(sizes.frame_dropout)(x)
    x = _dense(sizes.width, activation=whisper.gelu)(x)
    scores = _dense(sizes.heads)(x)
    x = AttentiveStatistics(dtype="float32")(x, scores, heard)
    x = BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.Dropout(sizes.dropout)(x)
    x = _dense(sizes.hidden, activation="relu")(x)
    return layers.Dropout(sizes.dropout, name=name)(x)


def _dense(units: int, **options: Any) -> layers.Dense:
    """Begun small, as PyTorch does: Glorot's weights would shake the encoder before the head knows anything."""
    small = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    return layers.Dense(units, kernel_initializer=small, **options)


def set_standards(model: keras.Model, features: NDArray[np.float32]) -> None:
    """Set mean and deviation of what each layer of the encoder makes of some clips, `[clips, 188, 128]`.

    Batch norm in their place would change what the encoder is worth while it is trained, and forbids `take_back`.
    """
    named = [model.get_layer(f"standard_{i}") for i in range(whisper.OUTPUTS)]
    inside = keras.Model(
        model.input, [[layer.input for layer in named], model.get_layer("encoder_heard").output]
    )
    outputs, heard = inside.predict_on_batch(features)
    for layer, output in zip(named, outputs, strict=True):
        frames = output[heard[..., 0] > 0]
        layer.set_weights([frames.mean(axis=0), frames.std(axis=0)])


def take_back(model: keras.Model, encoder: Path, kept: float) -> None:
    """Take back all but a share of what training changed in the encoder, which then forgets less of other speech.

    Source: M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    trained = model.get_weights()
    whisper.load(model, encoder)
    begun = model.get_weights()
    model.set_weights([old + kept * (new - old) for old, new in zip(begun, trained, strict=True)])


@keras.saving.register_keras_serializable("ser_batch")
class EncoderFrames(layers.Layer):
    """Which of the encoder's frames are heard, `[batch, n, 1]`, from which of ours are, `[batch, frames, 1]`."""

    def call(self, heard: Any) -> Any:
        """Take the nearest of ours."""
        n_frames = ops.shape(heard)[1]
        middle = ops.cast(ops.arange(whisper.frames_of(n_frames)), "float32") * (2 * whisper.HOP / HOP) + 0.8
        return ops.take(heard, ops.minimum(ops.cast(middle, "int32"), n_frames - 1), axis=1)


@keras.saving.register_keras_serializable("ser_batch")
class Standardise(layers.Layer):
    """Frames `[batch, n, width]` with mean 0 and deviation 1 in each channel, as far as they once had them."""

    def build(self, shape: Any) -> None:
        """Make room for the statistics."""
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
        """Make the weights, all alike."""
        self.scores = self.add_weight(shape=(len(shapes),), initializer="zeros", name="scores")

    def call(self, outputs: Any) -> Any:
        """Sum `[batch, frames, width]` each, at the scale of one."""
        weights = ops.softmax(self.scores) * np.float32(len(outputs) ** 0.5)
        return sum(weights[i] * output for i, output in enumerate(outputs))


def learning_rate_share(path: str, sizes: LargeArchitecture) -> float:
    """What share of the head's learning rate the variable at a path gets: the less, the nearer to the input."""
    below_top = _below_top(path.split("/")[-2])
    return 1.0 if below_top is None else sizes.encoder_rate * sizes.rate_decay**below_top


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a network behind its encoder; the halves share its weights.

    Returns:
        From features to what the encoder makes of them, standardised, `[batch, n, 384]` for each of its outputs, and
        which frames are heard, `[batch, n, 1]`; and from all of these to the logits.
    """
    pool = next(layer for layer in model.layers if isinstance(layer, AttentiveStatistics))
    between = [*model.get_layer("layers").input, pool.input[2]]
    return keras.Model(model.input, between), keras.Model(between, model.output)


def mixing_behind_encoder(model: keras.Model) -> keras.Model:
    """The same network for training with mixup between its halves, whose weights it shares.

    Source: V. Verma et al., "Manifold Mixup", ICML 2019.

    Returns:
        A model from features, each clip's own share `[batch, 1, 1]` and the index of its partner, `[batch]`.
    """
    encoder, head = split(model)
    share, other = keras.Input((1, 1), name="share"), keras.Input((), dtype="int32", name="other")
    *blends, heard = [share * each + (1 - share) * ops.take(each, other, axis=0) for each in encoder.output]
    # a frame of a blend is heard where either is
    blends.append(ops.cast(heard > 0, "float32"))
    return keras.Model([encoder.input, share, other], head(blends))


def _below_top(layer: str) -> int | None:
    """How many of the encoder's layers are above one; None for one that is not the encoder's."""
    if layer.split("_")[0].isdigit():
        return whisper.LAYERS - 1 - int(layer.split("_")[0])
    return {"conv1": whisper.LAYERS, "conv2": whisper.LAYERS, "positions": whisper.LAYERS, "norm": 0}.get(
        layer
    )
