"""The network as workers run it: LiteRT on one thread. Importing it loads neither TensorFlow nor Keras."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Network:
    """An exported network: call it with the MFCCs of one window."""

    def __init__(self, tflite_path: str | Path) -> None:
        with _stderr_silenced():
            self._interpreter = _interpreter(str(tflite_path))
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, mfcc: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits float32 `[n_classes]` of one window's MFCCs, float32 `[188, 128]`."""
        self._interpreter.set_tensor(self._input, mfcc[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities over the last axis, of logits divided by a bundle's temperature."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _interpreter(path: str) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # there is no wheel for every platform
        from tensorflow.lite import Interpreter
    return Interpreter(model_path=path, num_threads=1)


@contextmanager
def _stderr_silenced() -> Iterator[None]:
    """Keep the interpreter's "Created TensorFlow Lite XNNPACK delegate" from the terminal: C++ wrote it to fd 2."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
