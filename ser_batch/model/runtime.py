"""Runtime of an exported network: LiteRT on one thread, without TensorFlow or Keras."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import N_FRAMES, N_MELS
from ser_batch.errors import SerBatchError


class Network:
    """An exported network: call it with log-mel."""

    def __init__(self, tflite_path: str | Path, n_classes: int | None = None) -> None:
        """Load a flat buffer.

        Raises:
            SerBatchError: not a flat buffer, or its output is not the logits of one window (`n_classes`, if given).
        """
        try:
            with _stderr_silenced():
                self._interpreter = _interpreter(str(tflite_path))
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise SerBatchError(
                f"{tflite_path}: not a network that LiteRT can run ({error}): restore the bundle"
            ) from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shapes = [tuple(map(int, tensor["shape"])) for tensor in (*inputs, *outputs)]
        classes = shapes[-1][-1:] if n_classes is None else (n_classes,)
        if shapes != [(1, N_FRAMES, N_MELS), (1, *classes)]:
            raise SerBatchError(
                f"{tflite_path}: does not fit its card: inputs and outputs are {shapes}, not one window of "
                f"{N_FRAMES} x {N_MELS} and logits of {n_classes or 'the'} labels: restore the bundle"
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    def __call__(self, bands: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits float32 `[n_classes]` of one window's log-mel in dB, float32 `[188, 128]`."""
        self._interpreter.set_tensor(self._input, bands[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities over the last axis, of logits divided by a bundle's temperature."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _interpreter(path: str) -> Any:
    try:
        from ai_edge_litert import interpreter as lite
    except ImportError:  # there is no wheel for every platform
        from tensorflow import lite
    return lite.Interpreter(model_path=path, num_threads=1)


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
