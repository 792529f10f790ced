"""The worker: one file in, its annotation or its failure out. The same in every engine."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features
from ser_batch.audio.activity import speech_ratio
from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.windows import windows
from ser_batch.engine.job import Settings
from ser_batch.engine.result import SCALE, Annotation, Failure, Outcome, to_ten_thousandths
from ser_batch.engine.stopwatch import Stopwatch
from ser_batch.errors import SerBatchError
from ser_batch.inputs.remote import explained
from ser_batch.inputs.spool import Spool
from ser_batch.inputs.url import is_url
from ser_batch.model.bundle import load_bundle
from ser_batch.model.runtime import Network, softmax

RETRY_SECONDS = (0.0, 0.5, 2.0)  # pauses after a read that failed: a network file system may come to itself
LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)

MOST_WINDOWS = 500_000  # of one file: the parent takes 0.8 kB for each


class ChangedError(SerBatchError):
    """A file that something else wrote to, or replaced, while it was read."""


class TooLongError(SerBatchError):
    """A file whose annotation would take more memory than there is for one."""


class Worker:
    """Holds a loaded network and annotates files with it, in one thread."""

    def __init__(self, settings: Settings):
        self._settings = settings
        bundle = load_bundle(settings.model)
        self._temperature = bundle.temperature
        self._n_labels = len(bundle.labels)
        self._network = Network(bundle.network_path, self._n_labels)
        self._spool = Spool()
        self._watch = Stopwatch()

    def expect(self, path: str) -> None:
        """Fetch what will be annotated next, if it is in a store."""
        if is_url(path):
            with suppress(Exception):  # then it will fail again when it is asked for
                self._spool.expect(path)

    def annotate(self, path: str, alive: Callable[[float], None] = lambda seconds: None) -> Outcome:
        """Annotate one file; whatever is wrong with it is returned, never raised, but for MemoryError.

        Args:
            path: of the file, or its URL.
            alive: told after each window how many seconds of audio are done, and 0 while bytes come from a store.
        """
        if not is_url(path):
            return self._annotate_file(path, alive)
        try:
            with self._spool.local(path, lambda: alive(0.0)) as copy:
                return self._annotate_file(copy, alive)
        except MemoryError:
            raise
        except Exception as error:
            return Failure("read", *explained(error))

    def _annotate_file(self, path: str, alive: Callable[[float], None]) -> Outcome:
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                return self._unless_changed(path, alive)
            except MemoryError:  # this process may have wasted it: another one shall try
                raise
            except Exception as error:  # an unforeseen fault, too, costs this file alone
                pause = next(pauses, None)
                if pause is None or not _may_pass(error, pause):
                    message = error.strerror if isinstance(error, OSError) else None
                    return Failure(self._stage, type(error).__name__, message or str(error))
            time.sleep(pause)

    def _unless_changed(self, path: str, alive: Callable[[float], None]) -> Annotation:
        self._stage = "decode"
        self._watch = Stopwatch()
        before = _size_and_time(path)
        try:
            return self.annotate_audio(*blocks(path), alive)
        finally:  # if it has changed, neither an annotation nor a failure says anything about it
            if _size_and_time(path) != before:
                raise ChangedError(
                    "it changed while it was read: run the same command again when it is complete"
                )

    def annotate_audio(
        self,
        sample_rate: int,
        audio: Iterable[NDArray[np.float32]],
        alive: Callable[[float], None] = lambda seconds: None,
    ) -> Annotation:
        """Annotate mono audio, float32 `[n]` blocks at `sample_rate` in Hz.

        Raises:
            SerBatchError: there is too much of it, or the model is broken; and whatever the blocks raise.
        """
        starts: list[int] = []
        ends, shares, speech = [], [], []
        for window in windows(audio, sample_rate, self._settings.window, self._settings.hop):
            if len(starts) == MOST_WINDOWS:
                raise TooLongError(
                    f"more than {MOST_WINDOWS:,} windows: split the file, or give a longer --hop"
                )
            self._watch.lap("decode")
            heard = round(SCALE * speech_ratio(window.samples))
            starts.append(window.start)
            ends.append(window.end)
            speech.append(heard)
            shares.append(self._shares(window.samples) if heard else np.zeros(self._n_labels, np.int32))
            self._stage = "decode"
            alive(window.end / sample_rate)
            self._watch.lap("other")
        self._watch.lap("decode")
        return Annotation(
            sample_rate,
            np.array(starts, np.int64),
            np.array(ends, np.int64),
            np.array(shares, np.int32),
            np.array(speech, np.int32),
            self._watch.seconds(),
        )

    def _shares(self, samples: NDArray[np.float32]) -> NDArray[np.int32]:
        """Calibrated probabilities; one window at a time, so that no result depends on its neighbours."""
        self._stage = "features"
        self._watch.lap("other")
        bands = features.log_mel(samples, self._settings.denoise, self._watch.lap)
        self._stage = "infer"
        logits = self._network(bands)
        self._watch.lap("network")
        if not np.isfinite(logits).all():
            raise SerBatchError("the network's answer is not a number: the model is broken, train it again")
        return to_ten_thousandths(softmax(logits, self._temperature))


def _may_pass(error: Exception, pause: float) -> bool:
    """Whether the same file may be read well after a pause.

    Decoders hide a read that failed behind errors of all kinds: what is damaged is damaged a second time.
    """
    if isinstance(error, DecodeError):
        return not pause
    return isinstance(error, ChangedError) or (isinstance(error, OSError) and not isinstance(error, LASTING))


def _size_and_time(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns
