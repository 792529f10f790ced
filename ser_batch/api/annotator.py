"""Annotation of arrays and single files in this process."""

import os
import threading
from typing import TYPE_CHECKING

from ser_batch.api.paths import PathLike
from ser_batch.errors import SerBatchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pandas import DataFrame

    from ser_batch.engine.result import Annotation


class Annotator:
    """A loaded model for audio in memory or single files: for notebooks and services.

    It works in the calling thread, on one core. Threads can share it and then wait for each other. To use more cores,
    make one in each process, or call `ser_batch.annotate` with all files at once.

    >>> import numpy as np, ser_batch
    >>> annotator = ser_batch.Annotator("crema-d", hop=3.0)
    >>> two_seconds_of_silence = np.zeros(2 * 8_000)
    >>> annotator.segments(two_seconds_of_silence, 8_000).status.to_list()
    ['silent']
    >>> annotator.file("samples/meeting/introduction.flac").shape
    (2, 10)

    Attributes:
        model: the bundle, with its `labels` and `card`.
    """

    def __init__(
        self, model: PathLike = "crema-d", denoise: str | None = None, window: float = 3.0, hop: float = 1.5
    ):
        """Load a model.

        Args:
            model: a bundled model's name, or a folder that `train` wrote.
            denoise: `off`, `gate` or `noisereduce`; by default as the model's card says.
            window: length of a segment in seconds, 0.1 to 3.
            hop: time from the start of a segment to the start of the next in seconds, at most `window`.

        Raises:
            SerBatchError: an unknown or broken model, or invalid options.
        """
        from ser_batch.api.progress import Bar
        from ser_batch.engine.job import Options
        from ser_batch.engine.worker import Worker
        from ser_batch.runs.settings import prepare

        options = Options(os.fspath(model), window, hop, denoise)
        self.model, settings = prepare(options, Bar(shown=False))
        self._worker = Worker(settings)
        self._lock = threading.Lock()

    def segments(self, array: "ArrayLike", sample_rate: int) -> "DataFrame":
        """Label the emotion in audio in memory; the result equals that of a file with the same samples.

        Args:
            array: samples `[n]`, `[channels, n]` or `[n, channels]`; the shorter axis is that of the channels, which
                are averaged. Full scale is ±1 for floats, and the range of the type for integers of 8, 16 and 32 bits;
                the zero of unsigned integers is the middle of the range.
            sample_rate: in Hz, 1,000 to 768,000.

        Returns:
            A row for each segment as from `ser_batch.annotate`, indexed by `start` and `end` alone.

        Raises:
            SerBatchError: no samples, samples that are not finite, or a wrong type or shape.
        """
        from ser_batch.audio import arrays

        rate, blocks = arrays.blocks(array, sample_rate)
        with self._lock:
            annotation = self._worker.annotate_audio(rate, blocks)
        return self._frame("", annotation).droplevel("file")

    def file(self, path: PathLike) -> "DataFrame":
        """Label the emotion in a file.

        Args:
            path: the file, or its URL.

        Returns:
            A row for each segment as from `ser_batch.annotate`; `file` in the index is `path`.

        Raises:
            SerBatchError: the file cannot be read; the message says why.
        """
        from ser_batch.engine.result import Failure
        from ser_batch.inputs.url import redacted

        name = redacted(os.fspath(path))
        with self._lock:
            outcome = self._worker.annotate(os.fspath(path))
        if isinstance(outcome, Failure):
            raise SerBatchError(f"{name}: {outcome.stage}: {outcome.message}")
        return self._frame(name, outcome)

    def _frame(self, name: str, annotation: "Annotation") -> "DataFrame":
        from ser_batch.output.schema import Schema
        from ser_batch.runs.dataframe import DataFrameBuilder
        from ser_batch.runs.rows import rows

        frame = DataFrameBuilder(Schema(self.model.labels))
        frame.write(*rows(name, annotation, self.model.labels))
        return frame.build()
