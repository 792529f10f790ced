"""The large network: Whisper's encoder, fine-tuned, under attentive pooling. MFCCs of a window → logits.

Source of the encoder: A. Radford et al., 2022 (see `ser_batch.model.whisper`); of pooling several layers of a speech
network by learned weights: S. Yang et al., "SUPERB", Interspeech 2021.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ser_batch.audio.front_end import HOP, N_FRAMES, N_MELS
from ser_batch.model import whisper
from ser_batch.model.batch_norm import BatchNorm
from ser_batch.model.network import BATCH_NORM_MOMENTUM, AttentiveStatistics, HeardFrames, InverseDCT
from ser_batch.model.options import LargeArchitecture


def build(
    n_classes: int, sizes: LargeArchitecture, frames: int | None = N_FRAMES, features: str = "mfcc"
) -> keras.Model:
    """Make the network with random weights: `[batch, frames, 128]` features in, `[batch, n_classes]` logits out.

    Arguments as for `ser_batch.model.network.build`, `frames` at most 188. `whisper.load` gives the encoder weights.
    """
    inputs = keras.Input((frames, N_MELS), name=features)
    bands = InverseDCT(name="log_mel", dtype="float32")(inputs) if features == "mfcc" else inputs
    heard = HeardFrames(name="heard", dtype="float32")(bands)
    heard = EncoderFrames(name="encoder_heard", dtype="float32")(heard)
    outputs = whisper.encode(bands)
    x = LayerSum(name="layers", dtype="float32")(
        [BatchNorm(momentum=BATCH_NORM_MOMENTUM)(each) for each in outputs]
    )
    x = layers.Dropout(sizes.frame_dropout)(x)
    x = layers.Dense(sizes.width, activation=whisper.gelu)(x)
    scores = layers.Dense(sizes.heads)(x)
    x = AttentiveStatistics(name="pool", dtype="float32")(x, scores, heard)
    x = BatchNorm(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.Dropout(sizes.dropout)(x)
    x = layers.Dense(sizes.hidden, activation="relu")(x)
    x = layers.Dropout(sizes.dropout, name="clip")(x)
    # begun near zero, the head teaches the encoder nothing before it knows something
    small = keras.initializers.RandomNormal(stddev=0.01)
    logits = layers.Dense(n_classes, kernel_initializer=small, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="ser_batch")


@keras.saving.register_keras_serializable("ser_batch")
class EncoderFrames(layers.Layer):
    """Which of the encoder's frames are heard, `[batch, n, 1]`, from which of ours are, `[batch, frames, 1]`."""

    def call(self, heard: Any) -> Any:
        """Take the nearest of ours."""
        n_frames = ops.shape(heard)[1]
        middle = ops.cast(ops.arange(whisper.frames_of(n_frames)), "float32") * (2 * whisper.HOP / HOP) + 0.8
        return ops.take(heard, ops.minimum(ops.cast(middle, "int32"), n_frames - 1), axis=1)


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
    layer = path.split("/")[-2]
    if layer.split("_")[0].isdigit():
        below_top = whisper.LAYERS - 1 - int(layer.split("_")[0])
    elif layer in ("conv1", "conv2", "positions"):
        below_top = whisper.LAYERS
    elif layer == "norm":
        below_top = 0
    else:
        return 1.0
    return sizes.encoder_rate * sizes.rate_decay**below_top
