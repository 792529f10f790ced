"""Progress of the Python API: a tqdm bar and Python warnings."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source
from ser_batch.runs.progress import Progress, ProgressEstimate, Work


def clip_bar(title: str, shown: bool) -> Callable[[Iterator[Any], int], Any]:
    """A function that shows a bar of clips on stderr while it passes results on."""
    from tqdm.auto import tqdm

    return lambda results, total: tqdm(results, title, total, unit="clip", disable=None if shown else True)


class Bar(Progress):
    """A bar of tqdm in seconds of audio, if `shown`; warnings as Python warnings."""

    def __init__(self, shown: bool):
        self._shown = shown

    def warn(self, message: str) -> None:
        """Issue a Python warning."""
        warnings.warn(message, stacklevel=2)

    def begin(self, work: Work) -> None:
        """Open the bar."""
        from tqdm.auto import tqdm

        self._meter = ProgressEstimate(work)
        self._bar = tqdm(
            desc="annotate", total=round(self._meter.seconds_left), unit="s", disable=not self._shown
        )

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file; the length of the other files is an estimate."""
        self._meter.add(source, outcome)
        self._bar.set_postfix(files=self._meter.done, failed=self._meter.failed, refresh=False)
        self._show()

    def file_progress(self, source: Source, seconds: float) -> None:
        """Count a part of a file."""
        self._meter.file_progress(source, seconds)
        self._show()

    def _show(self) -> None:
        self._bar.total = round(self._meter.seconds + self._meter.seconds_left)
        self._bar.update(round(self._meter.seconds) - self._bar.n)

    def end(self) -> None:
        """Close the bar."""
        self._bar.close()
