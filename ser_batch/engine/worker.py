"""The worker of every engine: annotates one file at a time and returns its annotation or its failure."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, voice
from ser_batch.audio.activity import speech_ratio
from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.decoding.mono import Mixer
from ser_batch.audio.windows import windows
from ser_batch.engine.job import Settings
from ser_batch.engine.result import SCALE, Annotation, Failure, Outcome, to_ten_thousandths
from ser_batch.engine.stopwatch import Stopwatch
from ser_batch.errors import SerBatchError
from ser_batch.inputs.remote import explained
from ser_batch.inputs.spool import Spool
from ser_batch.inputs.url import is_url
from ser_batch.model.bundle import load_bundle, load_voice
from ser_batch.model.runtime import Network, softmax
from ser_batch.stretches import split, with_file

RETRY_SECONDS = (0.0, 0.5, 2.0)  # pauses before a failed read is repeated: a network file system may recover
PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)

MAX_WINDOWS = 500_000  # of one file: the parent takes 1 kB for each


class ChangedError(SerBatchError):
    """A file was written to or replaced while it was read."""


class TooLongError(SerBatchError):
    """A file has more windows than one annotation may hold."""


class Worker:
    """Holds a loaded network and annotates files with it, in one thread."""

    def __init__(self, settings: Settings):
        self._settings = settings
        bundle = load_bundle(settings.model)
        self._temperature = bundle.temperature
        self._n_labels = len(bundle.labels)
        self._network = Network(bundle.network_path, self._n_labels)
        self._detector = None
        if settings.min_speech is not None:
            self._detector = Network(load_voice(settings.voice).network_path, voice.N_STEPS)
        self._spool = Spool()
        self._watch = Stopwatch()

    def prefetch(self, path: str) -> None:
        """Start to fetch the next file, if it is a URL."""
        if is_url(path):
            with suppress(Exception):  # `annotate` will report it
                self._spool.expect(split(path).path)

    def annotate(self, path: str, on_progress: Callable[[float], None] = lambda seconds: None) -> Outcome:
        """Annotate one file, or a stretch of it; every error but MemoryError is returned as a failure.

        Args:
            path: path or URL of the file, or a stretch (`ser_batch.stretches`).
            on_progress: called with the seconds of audio done after each window, and with 0 while a URL is fetched.
        """
        if not is_url(path):
            return self._annotate_file(path, on_progress)
        try:
            with self._spool.local(split(path).path, lambda: on_progress(0.0)) as copy:
                return self._annotate_file(with_file(path, copy), on_progress)
        except MemoryError:
            raise
        except Exception as error:
            return Failure("read", *explained(error))

    def _annotate_file(self, path: str, on_progress: Callable[[float], None]) -> Outcome:
        pauses = iter(RETRY_SECONDS)
        while True:
            try:
                return self._annotate_unchanged(path, on_progress)
            except MemoryError:  # another process may have more
                raise
            except Exception as error:  # an unforeseen error, too, costs only this file
                pause = next(pauses, None)
                if pause is None or not _is_temporary(error, pause):
                    message = error.strerror if isinstance(error, OSError) else None
                    return Failure(self._stage, type(error).__name__, message or str(error))
            time.sleep(pause)

    def _annotate_unchanged(self, path: str, on_progress: Callable[[float], None]) -> Annotation:
        self._stage = "decode"
        self._watch = Stopwatch()
        file, start, _ = split(path)
        before = _size_and_time(file)
        try:
            mixer = Mixer()
            annotation = self.annotate_audio(*blocks(path, mixer), on_progress)
            offset = round(start * annotation.sample_rate)
            return replace(
                annotation,
                starts=annotation.starts + offset,
                ends=annotation.ends + offset,
                channels_cancel=mixer.cancelling,
            )
        finally:  # neither an annotation nor a failure of a changed file is valid
            if _size_and_time(file) != before:
                raise ChangedError(
                    "it changed while it was read: run the same command again when it is complete"
                )

    def annotate_audio(
        self,
        sample_rate: int,
        audio: Iterable[NDArray[np.float32]],
        on_progress: Callable[[float], None] = lambda seconds: None,
    ) -> Annotation:
        """Annotate mono audio: float32 blocks `[n]` at `sample_rate` in Hz.

        Raises:
            SerBatchError: too many windows, or a broken model; errors of `audio` are passed on.
        """
        starts: list[int] = []
        ends, probabilities, ratios, steps = [], [], [], []
        for window in windows(audio, sample_rate, self._settings.window, self._settings.hop):
            if len(starts) == MAX_WINDOWS:
                raise TooLongError(
                    f"more than {MAX_WINDOWS:,} windows: split the file, or give a longer --hop"
                )
            self._watch.lap("decode")
            starts.append(window.start)
            ends.append(window.end)
            window_probabilities, ratio, window_steps = self._annotate_window(window.samples)
            probabilities.append(window_probabilities)
            ratios.append(ratio)
            steps.append(window_steps)
            self._stage = "decode"
            on_progress(window.end / sample_rate)
            self._watch.lap("other")
        self._watch.lap("decode")
        return Annotation(
            sample_rate,
            np.array(starts, np.int64),
            np.array(ends, np.int64),
            np.array(probabilities, np.int32),
            np.array(ratios, np.int32),
            np.array(steps, np.int64) if self._detector else None,
            self._watch.seconds(),
        )

    def _annotate_window(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.int32], int, int]:
        """Probabilities, speech ratio and steps of speech of one window, as an `Annotation` has them.

        One window at a time: in a batch, a result could depend on its neighbours.
        """
        unlabelled = np.zeros(self._n_labels, np.int32)
        loud_ratio = speech_ratio(samples)
        if not loud_ratio:
            return unlabelled, 0, voice.SILENT
        self._stage = "features"
        self._watch.lap("other")
        denoise, lap = self._settings.denoise, self._watch.lap
        if not self._detector:
            bands = features.log_mel(samples, denoise, lap)
            return self._probabilities(bands), round(SCALE * loud_ratio), 0
        power = features.spectrum(samples)
        bands = features.log_mel_of(power, len(samples), lap=lap)
        self._stage = "infer"
        steps = voice.speech_bits(self._detector(bands))
        lap("voice")
        n_frames = features.true_frames(len(samples))
        n_speech = voice.speech_frames(steps, n_frames)
        ratio = round(SCALE * n_speech / n_frames)
        if n_speech < voice.frames_wanted(self._settings.min_speech or 0.0, n_frames):
            return unlabelled, ratio, steps
        self._stage = "features"
        if denoise == "gate":  # after the detector, which was trained without noise reduction
            bands = features.log_mel_of(power, len(samples), True, lap)
        elif denoise != "off":
            bands = features.log_mel(samples, denoise, lap)
        return self._probabilities(bands), ratio, steps

    def _probabilities(self, bands: NDArray[np.float32]) -> NDArray[np.int32]:
        """Calibrated probabilities of one window's log-mel, in ten-thousandths."""
        self._stage = "infer"
        logits = self._network(bands)
        self._watch.lap("network")
        if not np.isfinite(logits).all():
            raise SerBatchError("the network's answer is not a number: the model is broken, train it again")
        return to_ten_thousandths(softmax(logits, self._temperature))


def _is_temporary(error: Exception, pause: float) -> bool:
    """Whether a second attempt after a pause may succeed; a decoder's error may hide a failed read, so once."""
    if isinstance(error, DecodeError):
        return not pause
    return isinstance(error, ChangedError) or (
        isinstance(error, OSError) and not isinstance(error, PERMANENT)
    )


def _size_and_time(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns
