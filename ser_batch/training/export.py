"""Export of a trained network to a LiteRT flat buffer, whose input is log-mel.

A network of MFCCs inverts the DCT first; without both rotations its logits are the same, it is faster, and coarse
weights cost it less.

Only TensorFlow converts, and a process has one Keras backend, so the conversion has a process of its own:
`python -m ser_batch.training.export model.keras model.tflite --weights float16`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.model.runtime import Network

# by how much the logits of each kind may differ from Keras's, relative to their spread
TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "int8": 0.25}


def export(keras_path: Path, tflite_path: Path, weights: str = "float32") -> None:
    """Convert a `.keras` file to a `.tflite` file of batch 1, in a process of its own.

    Args:
        keras_path: a network that `ser_batch.training.networks.build` made.
        tflite_path: what to write: log-mel `[1, 188, 128]` to logits `[1, n_classes]`.
        weights: `float32`, `float16`, or `int8` (dynamic range: weights alone are quantised).

    Raises:
        RuntimeError: the conversion failed; the message ends with TensorFlow's.
    """
    command = [sys.executable, "-m", __name__, str(keras_path), str(tflite_path), "--weights", weights]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{keras_path} could not be exported:\n{done.stderr[-2000:]}")


def verify(
    network: Network, bands: NDArray[np.float32], logits: NDArray[np.float32], weights: str = "float32"
) -> None:
    """Compare an exported network with Keras.

    Args:
        network: the exported one.
        bands: log-mel `[clips, 188, 128]`, real ones.
        logits: `[clips, n_classes]` by Keras.
        weights: of the export; coarser ones may differ more.

    Raises:
        RuntimeError: the logits differ.
    """
    exported = np.stack([network(clip) for clip in bands])
    difference = np.sqrt(np.mean(np.square(exported - logits))) / max(float(logits.std()), 1e-6)
    # written so that NaN fails too
    if not difference <= TOLERANCE[weights]:
        raise RuntimeError(
            f"The exported network does not compute what Keras does: its logits differ by {difference:.2g} of their "
            f"spread ({TOLERANCE[weights]:g} is allowed for {weights})."
        )


def convert(keras_path: str, tflite_path: str, weights: str) -> None:
    """Convert within this process, whose Keras backend must be TensorFlow."""
    import keras
    import tensorflow as tf

    from ser_batch.training.networks.build import without_rotation  # also registers the layers

    model = without_rotation(keras.models.load_model(keras_path, compile=False))
    one_window = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    with tempfile.TemporaryDirectory() as saved_model:
        model.export(saved_model, format="tf_saved_model", verbose=False, input_signature=[one_window])
        converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
        Path(tflite_path).write_bytes(_convert(converter, weights))


def _convert(converter: Any, weights: str) -> bytes:
    import tensorflow as tf

    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keras_path")
    parser.add_argument("tflite_path")
    parser.add_argument("--weights", choices=list(TOLERANCE), default="float32")
    given = parser.parse_args()
    convert(given.keras_path, given.tflite_path, given.weights)
