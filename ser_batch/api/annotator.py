"""Annotation in this process: of arrays in memory, and of single files."""

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
    """A loaded model, for audio that is in memory or comes file by file: in notebooks and services.

    It works in the thread that calls it, on one core. Threads may share it, but wait for each other: for more cores,
    make one in each process, or give `ser_batch.annotate` all files at once.

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
        self,
        model: PathLike = "crema-d",
        denoise: str | None = None,
        window: float = 3.0,
        hop: float = 1.5,
    ):
        """Load a model.

        Args:
            model: a bundled model's name, or a folder that `train` wrote.
            denoise: `off`, `gate` or `noisereduce`; by default as the model's card says.
            window: length of a segment in seconds, 0.1 to 3.
            hop: from the start of a segment to that of the next in seconds, at most `window`.

        Raises:
            SerBatchError: an unknown or broken model, or options that make no sense.
        """
        from ser_batch.api.progress import Bar
        from ser_batch.engine.job import Options
        from ser_batch.engine.worker import Worker
        from ser_batch.runs.run import prepare

        options = Options(os.fspath(model), window, hop, denoise)
        self.model, settings = prepare(options, Bar(shown=False))
        self._worker = Worker(settings)
        self._lock = threading.Lock()

    def segments(self, array: "ArrayLike", sample_rate: int) -> "DataFrame":
        """Label the emotion in audio in memory, with the numbers that a file of the same samples would get.

        Args:
            array: `[n]`, `[channels, n]` or `[n, channels]`: the shorter axis is taken for the channels, which are
                averaged. Full scale is ±1 for floats; integers of 8, 16 and 32 bits have their own, unsigned ones
                their zero in the middle.
            sample_rate: in Hz, 1,000 to 768,000.

        Returns:
            A row for each segment, as from `ser_batch.annotate`, but indexed by `start` and `end` alone.

        Raises:
            SerBatchError: no audio: no samples, not finite, or of a type or shape that is none.
        """
        from ser_batch.audio import arrays

        rate, blocks = arrays.blocks(array, sample_rate)
        with self._lock:
            annotation = self._worker.annotate_audio(rate, blocks)
        return self._frame("", annotation).droplevel("file")

    def file(self, path: PathLike) -> "DataFrame":
        """Label the emotion in a file.

        Args:
            path: of the file, or its URL.

        Returns:
            A row for each segment, as from `ser_batch.annotate`; the file is called as it is here.

        Raises:
            SerBatchError: it cannot be read; the message says why.
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
