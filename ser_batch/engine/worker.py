"""The worker: one file in, its annotation or its failure out. The same in every engine."""

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features
from ser_batch.audio.activity import speech_ratio
from ser_batch.audio.decode import blocks
from ser_batch.audio.windows import windows
from ser_batch.engine.job import Settings
from ser_batch.engine.result import SHARE, Annotation, Failure, in_shares
from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import load_bundle
from ser_batch.model.runtime import Network, softmax


class Worker:
    """Holds a loaded network and annotates files with it, in one thread."""

    def __init__(self, settings: Settings):
        self._settings = settings
        bundle = load_bundle(settings.model)
        self._temperature = bundle.temperature
        self._n_labels = len(bundle.labels)
        self._network = Network(bundle.path / "model.tflite")

    def annotate(self, path: str) -> Annotation | Failure:
        """Annotate one file; whatever is wrong with it is returned, never raised."""
        try:
            return self._annotate(path)
        except SerBatchError as error:
            return self._failure(error, str(error))
        except OSError as error:
            return self._failure(error, error.strerror or str(error))
        except MemoryError as error:
            return self._failure(error, "not enough memory for this file")
        except Exception as error:  # an unforeseen fault costs this file alone
            return self._failure(error, str(error))

    def _failure(self, error: Exception, message: str) -> Failure:
        return Failure(self._stage, type(error).__name__, message)

    def _annotate(self, path: str) -> Annotation:
        starts, ends, shares, speech = [], [], [], []
        self._stage = "decode"
        sample_rate, audio = blocks(path)
        for window in windows(audio, sample_rate, self._settings.window, self._settings.hop):
            heard = round(SHARE * speech_ratio(window.samples))
            starts.append(window.start)
            ends.append(window.end)
            speech.append(heard)
            shares.append(self._shares(window.samples) if heard else np.zeros(self._n_labels, np.int32))
            self._stage = "decode"
        return Annotation(
            sample_rate,
            np.array(starts, np.int64),
            np.array(ends, np.int64),
            np.array(shares, np.int32),
            np.array(speech, np.int32),
        )

    def _shares(self, samples: NDArray[np.float32]) -> NDArray[np.int32]:
        """Calibrated probabilities; one window at a time, so that no result depends on its neighbours."""
        self._stage = "features"
        coefficients = features.mfcc(samples, self._settings.denoise)
        self._stage = "infer"
        logits = self._network(coefficients)
        if not np.isfinite(logits).all():
            raise SerBatchError("the network's answer is not a number: the model is broken, train it again")
        return in_shares(softmax(logits, self._temperature))
