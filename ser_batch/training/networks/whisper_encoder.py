"""The encoder of OpenAI's Whisper tiny.en, in Keras 3.

Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022 (arXiv 2212.04356).
Its weights (MIT licence, © 2022 OpenAI) are read from an `.npz` file of the encoder's arrays.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.errors import SerBatchError

WIDTH, HEADS, LAYERS, MELS = 384, 6, 4, 80  # tiny.en
OUTPUTS = 4  # layers 2 to 4, and the last norm
HOP = 160
N_FRAMES = 150  # of its encoder, 50 a second, in a window

Array = NDArray[np.float32]


def encoder(weights: Path) -> keras.Model:
    """The encoder with its published weights.

    Returns:
        A model from log-mel in dB, `[batch, 188, 128]`, to the outputs of `encode`.

    Raises:
        SerBatchError: the file is not the encoder of Whisper tiny.en.
    """
    bands = keras.Input((front_end.N_FRAMES, front_end.N_MELS))
    model = keras.Model(bands, encode(bands), name="whisper_tiny_en")
    load(model, weights)
    return model


def encode(bands: Any) -> list[Any]:
    """Build the encoder on log-mel in dB, `[batch, frames, 128]`.

    Returns:
        The outputs of layers 2, 3 and 4 and of the last layer norm, `[batch, n, 384]` each, 50 frames a second.
    """
    x = WhisperMel(name="whisper_mel", dtype="float32")(bands)
    x = layers.Conv1D(WIDTH, 3, padding="same", activation=gelu, name="conv1")(x)
    # "same" would pad a stride of two on the right alone
    x = layers.Conv1D(WIDTH, 3, strides=2, activation=gelu, name="conv2")(layers.ZeroPadding1D(1)(x))
    # the residual stream stays float32: reduced precision would lose its small values
    x = Positions(name="positions", dtype="float32")(x)
    outputs = []
    for i in range(LAYERS):
        y = _attention(_norm(f"{i}_attention_norm")(x), f"{i}_attention")
        x = layers.Add(dtype="float32")([x, y])
        y = layers.Dense(4 * WIDTH, activation=gelu, name=f"{i}_ffn_0")(_norm(f"{i}_ffn_norm")(x))
        x = layers.Add(dtype="float32")([x, layers.Dense(WIDTH, name=f"{i}_ffn_1")(y)])
        outputs.append(x)
    return [*outputs[1:], _norm("norm")(x)]


@keras.saving.register_keras_serializable("ser_batch")
class WhisperMel(layers.Layer):
    """Our log-mel as the input of Whisper: `[batch, frames, 128]` in dB to `[batch, 2 n, 80]`, 100 frames a second.

    The level is relative to the loudest cell in both. The windows of the two transforms differ, which this cannot
    undo.
    """

    def call(self, bands: Any) -> Any:
        """Interpolate between bands and between frames, and scale as Whisper does."""
        n_frames = ops.shape(bands)[1]
        mel = bands @ ops.convert_to_tensor(_band_weights())
        position = ops.cast(ops.arange(2 * frames_of(n_frames)), "float32") * (HOP / front_end.HOP)
        low = ops.minimum(ops.cast(position, "int32"), n_frames - 2)
        share = ops.minimum(position - ops.cast(low, "float32"), 1.0)[:, None]
        mel = ops.take(mel, low, axis=1) * (1 - share) + ops.take(mel, low + 1, axis=1) * share
        return (mel / 10 + 5.5) / 4


@keras.saving.register_keras_serializable("ser_batch")
class Positions(layers.Layer):
    """Adds positional encodings, `[batch, frames, 384]` in and out."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights for the frames of a window; Whisper has 1,500."""
        self.encodings = self.add_weight(shape=(N_FRAMES, shape[-1]), name="encodings")

    def call(self, x: Any) -> Any:
        """Add."""
        return x + self.encodings[: ops.shape(x)[1]]


def _attention(x: Any, name: str) -> Any:
    heads = layers.Reshape((-1, 3, HEADS, WIDTH // HEADS))(layers.Dense(3 * WIDTH, name=f"{name}_in")(x))
    query, key, value = (ops.transpose(heads[:, :, part], (0, 2, 1, 3)) for part in range(3))
    weights = ops.softmax(query @ ops.transpose(key, (0, 1, 3, 2)) * (WIDTH // HEADS) ** -0.5)
    together = layers.Reshape((-1, WIDTH))(ops.transpose(weights @ value, (0, 2, 1, 3)))
    return layers.Dense(WIDTH, name=f"{name}_out")(together)


def _norm(name: str) -> layers.Layer:
    return layers.LayerNormalization(epsilon=1e-5, name=name, dtype="float32")


@keras.saving.register_keras_serializable("ser_batch")
def gelu(x: Any) -> Any:
    """GELU by its tanh approximation, within 5e-4 of Whisper's exact one, which LiteRT does not have."""
    return keras.activations.gelu(x, approximate=True)


def load(model: keras.Model, path: Path) -> None:
    """Put the published arrays, in PyTorch's layouts, into the layers of a model made with `encode`.

    Raises:
        SerBatchError: the file is not the encoder of Whisper tiny.en.
    """
    try:
        with np.load(path) as stored:
            arrays = {name.removeprefix("encoder/"): stored[name].astype(np.float32) for name in stored}
        for name in ("conv1", "conv2"):
            kernel, bias = arrays[f"{name}/weight"], arrays[f"{name}/bias"]
            model.get_layer(name).set_weights([kernel.transpose(2, 1, 0), bias])
        positions = model.get_layer("positions")
        positions.set_weights([arrays["position_encodings/encodings"][: positions.encodings.shape[0]]])
        _set_norm(model, "norm", arrays, "layer_norm")
        for i in range(LAYERS):
            for ours, theirs, dense in (
                ("attention", "self_attention", ("in", "out")),
                ("ffn", "ffn", ("0", "1")),
            ):
                _set_norm(model, f"{i}_{ours}_norm", arrays, f"layer_{i}/{theirs}/layer_norm")
                for place, name in enumerate(dense):
                    linear = f"layer_{i}/{theirs}/linear_{place}"
                    kernel, bias = arrays[f"{linear}/weight"], arrays[f"{linear}/bias"]
                    model.get_layer(f"{i}_{ours}_{name}").set_weights([kernel.T, bias])
    except (OSError, ValueError, KeyError) as error:
        raise SerBatchError(
            f"{path}: not the encoder of Whisper tiny.en ({error}): give the `.npz` file of its arrays"
        ) from error


def _set_norm(model: keras.Model, name: str, arrays: dict[str, Array], theirs: str) -> None:
    model.get_layer(name).set_weights([arrays[f"{theirs}/gamma"], arrays[f"{theirs}/beta"]])


def frames_of(n_frames: Any) -> Any:
    """The number of encoder frames for a number of log-mel frames."""
    return n_frames * front_end.HOP // (2 * HOP)


def _band_weights() -> Array:
    """Weights that interpolate our 128 bands at the centres of Whisper's 80: `[128, 80]`."""
    ours, theirs = _mel_centres(front_end.N_MELS), _mel_centres(MELS)
    return np.stack([np.interp(theirs, ours, row) for row in np.eye(front_end.N_MELS)]).astype(np.float32)


def _mel_centres(n: int) -> NDArray[np.float64]:
    """Centre frequencies in Hz of `n` Slaney bands up to 8 kHz."""
    return features.mel_edges(n)[1:-1]
