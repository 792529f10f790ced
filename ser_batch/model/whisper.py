"""The encoder of OpenAI's Whisper, in Keras 3: a network that has heard far more speech than any emotion corpus.

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
SAMPLE_RATE, HOP = 16_000, 160

Array = NDArray[np.float32]


def whisper_mel(bands: Array) -> Array:
    """Our log-mel as Whisper wants its own: float32 `[clips, 188, 128]` in dB to `[clips, 300, 80]`.

    Bands and frames are interpolated to Whisper's; the level, relative to the loudest cell in both, is brought to
    its scale. The windows of the two transforms differ, which this cannot undo.
    """
    ours, theirs = _mel_centres(front_end.N_MELS), _mel_centres(MELS)
    of_band = np.stack([np.interp(theirs, ours, row) for row in np.eye(front_end.N_MELS)], axis=1)
    position = np.arange(300) * HOP / front_end.HOP
    low = np.minimum(position.astype(int), front_end.N_FRAMES - 2)
    share = (position - low).astype(np.float32)[:, None]
    mel = bands @ (of_band.T.astype(np.float32) / 10)
    mel = mel[:, low] * (1 - share) + mel[:, low + 1] * share + 1.5
    mel = np.maximum(mel, mel.max(axis=(1, 2), keepdims=True) - 8)
    return (mel + 4) / 4


def encoder(weights: Path) -> keras.Model:
    """The encoder with its published weights.

    Returns:
        A model from `[batch, 300, 80]` to four `[batch, 150, 384]`: the outputs of layers 2, 3 and 4 and of the
        last layer norm, 50 frames a second.

    Raises:
        SerBatchError: the file is not the encoder of Whisper tiny.en.
    """
    mel = keras.Input((300, MELS))
    x = layers.Conv1D(WIDTH, 3, padding="same", activation=_gelu, name="conv1")(mel)
    # "same" would pad a stride of two on the right alone
    x = layers.Conv1D(WIDTH, 3, strides=2, activation=_gelu, name="conv2")(layers.ZeroPadding1D(1)(x))
    x = Positions(name="positions")(x)
    outputs = []
    for i in range(LAYERS):
        x = x + _attention(_norm(f"{i}_attention_norm")(x), f"{i}_attention")
        hidden = layers.Dense(4 * WIDTH, activation=_gelu, name=f"{i}_ffn_0")(_norm(f"{i}_ffn_norm")(x))
        x = x + layers.Dense(WIDTH, name=f"{i}_ffn_1")(hidden)
        outputs.append(x)
    model = keras.Model(mel, [*outputs[1:], _norm("norm")(x)], name="whisper_tiny_en")
    _load(model, weights)
    return model


@keras.saving.register_keras_serializable("ser_batch")
class Positions(layers.Layer):
    """Adds what tells one frame from the next, `[batch, frames, 384]` in and out."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Make room for the frames that there are; Whisper has 1,500."""
        self.encodings = self.add_weight(shape=shape[1:], name="encodings")

    def call(self, x: Any) -> Any:
        """Add."""
        return x + self.encodings


def _attention(x: Any, name: str) -> Any:
    heads = layers.Reshape((-1, 3, HEADS, WIDTH // HEADS))(layers.Dense(3 * WIDTH, name=f"{name}_in")(x))
    query, key, value = (ops.transpose(heads[:, :, part], (0, 2, 1, 3)) for part in range(3))
    weights = ops.softmax(query @ ops.transpose(key, (0, 1, 3, 2)) / np.sqrt(WIDTH // HEADS))
    together = layers.Reshape((-1, WIDTH))(ops.transpose(weights @ value, (0, 2, 1, 3)))
    return layers.Dense(WIDTH, name=f"{name}_out")(together)


def _norm(name: str) -> layers.Layer:
    return layers.LayerNormalization(epsilon=1e-5, name=name)


def _gelu(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=False)


def _load(model: keras.Model, path: Path) -> None:
    """Put the published arrays, in PyTorch's layouts, into the layers."""
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
        raise SerBatchError(f"{path} does not hold the encoder of Whisper tiny.en ({error})") from error


def _set_norm(model: keras.Model, name: str, arrays: dict[str, Array], theirs: str) -> None:
    model.get_layer(name).set_weights([arrays[f"{theirs}/gamma"], arrays[f"{theirs}/beta"]])


def _mel_centres(n: int) -> NDArray[np.float64]:
    """Centre frequencies in Hz of `n` Slaney bands up to 8 kHz."""
    return features.mel_edges(n)[1:-1]
