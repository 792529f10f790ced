"""Layers that both networks share: inverse DCT, noise floor, active frames, attentive statistics, dense layer."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ser_batch.audio.augment_spectrogram import smooth_curves
from ser_batch.audio.features import rotate
from ser_batch.audio.front_end import FLOOR_DB, N_MELS
from ser_batch.training.options import NoiseFloorOptions

BATCH_NORM_MOMENTUM = 0.9
PADDING_DB = FLOOR_DB + 0.5  # a frame whose loudest band lies below it is padding or digital silence
BLEND_DB = 13.0  # two levels that differ by more are not added: the larger one stays

# row k is the k-th basis function over the bands; the 0-th is constant
_DCT = rotate(np.eye(N_MELS, dtype=np.float32)).T
_DCT_BUT_FIRST = np.concatenate([np.zeros_like(_DCT[:1]), _DCT[1:]])
_CURVES = smooth_curves().astype(np.float32)


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
    """1 for a frame with sound in any band, 0 for padding and digital silence: `[batch, frames, 1]` from log-mel."""

    def call(self, bands: Any) -> Any:
        """Compare the loudest band of each frame with the front end's lower limit."""
        return ops.cast(ops.max(bands, axis=-1, keepdims=True) > PADDING_DB, "float32")


@keras.saving.register_keras_serializable("ser_batch")
class NoiseFloor(layers.Layer):
    """Adds the same stationary noise to every clip: the mean spectrum of the pauses of the training clips.

    The level of the noise floor depends on the room: a network that sees it takes the room for an emotion. In training
    the noise of each clip has a random level and colour, so that the network does not depend on them.
    """

    def __init__(self, level_db: float = 0.0, colour_db: float = 0.0, **options: Any):
        """Set the limits of the random changes in training.

        Args:
            level_db: the level changes by up to this much, up or down.
            colour_db: standard deviation of each of four cosines over the bands, which change the spectrum.
            options: of a Keras layer.
        """
        super().__init__(**options)
        self.level_db, self.colour_db = level_db, colour_db
        self.seeds = keras.random.SeedGenerator()

    def build(self, *shapes: Any) -> None:
        """Create the weights for the spectrum, in dB relative to a clip's loudest cell."""
        self.spectrum = self.add_weight(
            shape=(N_MELS,),
            initializer=keras.initializers.Constant(FLOOR_DB),
            trainable=False,
            name="spectrum",
        )

    def call(self, bands: Any, active: Any, training: bool | None = None) -> Any:
        """Add the noise to the active frames of `bands`, `[batch, frames, 128]` in dB."""
        noise = self.spectrum[None]
        if training:
            clips = ops.shape(bands)[0]
            limits = {"minval": -self.level_db, "maxval": self.level_db, "seed": self.seeds}
            waves = keras.random.normal((clips, len(_CURVES)), stddev=self.colour_db, seed=self.seeds)
            noise = noise + keras.random.uniform((clips, 1), **limits) + waves @ _CURVES
        return ops.where(active > 0, add_in_power(bands, noise[:, None]), bands)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer."""
        return {**super().get_config(), "level_db": self.level_db, "colour_db": self.colour_db}


def dense(units: int, **options: Any) -> layers.Dense:
    """A dense layer with the initial weights of PyTorch, about half as large as Keras's.

    With Keras's, the predictions of a teacher's frames are worse than a constant for four epochs, and a pretrained
    encoder is damaged.
    """
    small = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    return layers.Dense(units, kernel_initializer=small, **options)


def noise_floor(bands: Any, active: Any, options: NoiseFloorOptions) -> Any:
    """Put the noise floor under log-mel; `options` limit its random changes in training."""
    layer = NoiseFloor(options.level_db, options.colour_db, name="noise_floor", dtype="float32")
    return layer(bands, active)


def add_in_power(first: Any, second: Any) -> Any:
    """The level of the sum of two powers, in dB, within 0.3 dB: a parabola replaces the logarithm, which is slow."""
    closeness = ops.maximum(1 - ops.abs(first - second) / BLEND_DB, 0)
    return ops.maximum(first, second) + 3 * ops.square(closeness)


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
