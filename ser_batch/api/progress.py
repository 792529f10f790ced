"""What the Python API shows while it works."""

import warnings

from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source
from ser_batch.runs.progress import Progress, ProgressEstimate, Work


class Bar(Progress):
    """Warns as Python does; a bar of tqdm, in seconds of audio, if it is `shown`."""

    def __init__(self, shown: bool):
        self._shown = shown

    def warn(self, message: str) -> None:
        """Say it."""
        warnings.warn(message, stacklevel=2)

    def begin(self, work: Work) -> None:
        """Start the clock."""
        from tqdm.auto import tqdm

        self._meter = ProgressEstimate(work)
        self._bar = tqdm(
            desc="annotate", total=round(self._meter.seconds_left), unit="s", disable=not self._shown
        )

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file; the length of those to come is an estimate."""
        self._meter.add(source, outcome)
        self._bar.set_postfix(files=self._meter.done, failed=self._meter.failed, refresh=False)
        self._show()

    def file_progress(self, source: Source, seconds: float) -> None:
        """Count so much of a file in work."""
        self._meter.file_progress(source, seconds)
        self._show()

    def _show(self) -> None:
        self._bar.total = round(self._meter.seconds + self._meter.seconds_left)
        self._bar.update(round(self._meter.seconds) - self._bar.n)

    def end(self) -> None:
        """Stop the clock."""
        self._bar.close()
