"""Progress of a run: the callbacks that report it, and the estimate of the time left."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source, Unreadable
from ser_batch.inputs.suffixes import suffix

# Bytes per second of usual speech files: assumed of a type of file until some of it is done.
USUAL_RATES = {".wav": 32_000, ".flac": 20_000, ".mp3": 12_000, ".m4a": 8_000, ".ogg": 8_000, ".opus": 4_000}
PRIOR_SECONDS = 1.0  # weight of the usual rate, in seconds of audio


@dataclass(frozen=True, slots=True)
class Work:
    """The files that a run has to annotate."""

    files: int
    done_before: int  # files with a result of an earlier run
    sizes: Mapping[str, int]  # bytes for each suffix
    unreadable: Sequence[Unreadable]  # inputs that have failed already
    labels: Sequence[str]  # the emotions, in the order of the probabilities
    name: Callable[[str], str]  # from a path to its name in the tables


def count_work(
    todo: Iterable[Source],
    unreadable: Sequence[Unreadable],
    done_before: int,
    labels: Sequence[str],
    name: Callable[[str], str],
) -> Work:
    """Count the files to annotate, and their bytes."""
    files = 0
    sizes: Counter[str] = Counter()
    for source in todo:
        files += 1
        sizes[suffix(source.path)] += source.size
    return Work(files, done_before, sizes, unreadable, labels, name)


class Progress:
    """Progress callbacks of a run; this class shows nothing."""

    def warn(self, message: str) -> None:
        """Called with a warning before the run begins."""

    def begin(self, work: Work) -> None:
        """Called when the files are found."""

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """Called when a file is done."""

    def file_progress(self, source: Source, seconds: float) -> None:
        """Called several times a second with the seconds of audio done in a file."""

    def tick(self) -> None:
        """Called several times a second."""

    def stopping(self) -> None:
        """Called many times after a signal, while the files in work are finished."""

    def end(self) -> None:
        """Called when all files are done, or the run is interrupted."""


class Rates:
    """Seconds of audio per byte for each suffix, learnt from finished files."""

    def __init__(self) -> None:
        self._read: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def learn(self, source: Source, seconds: float) -> None:
        """Add a file with its seconds of audio."""
        kind = suffix(source.path)
        self._read[kind] += source.size
        self._seconds[kind] += seconds

    def left(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds in all bytes of each suffix, less those of the learnt files."""
        return sum((size - self._read[kind]) * self._seconds_a_byte(kind) for kind, size in sizes.items())

    def _seconds_a_byte(self, kind: str) -> float:
        prior = PRIOR_SECONDS * USUAL_RATES.get(kind, 32_000)
        return (PRIOR_SECONDS + self._seconds[kind]) / (prior + self._read[kind])


class ProgressEstimate:
    """Progress in seconds of audio: the time of a file, or of a byte, varies a hundredfold."""

    def __init__(self, work: Work):
        self.work = work
        self.done = self.failed = 0
        self._seconds = 0.0
        self._partly: dict[str, float] = {}
        self._rates = Rates()
        self._began = self._last = time.monotonic()

    def add(self, source: Source, outcome: Annotation | Failure) -> None:
        """Count a file."""
        seconds = outcome.duration if isinstance(outcome, Annotation) else 0.0
        self._rates.learn(source, seconds)
        self.done += 1
        self.failed += isinstance(outcome, Failure)
        self._seconds += seconds
        self._partly.pop(source.path, None)
        self._last = time.monotonic()

    def file_progress(self, source: Source, seconds: float) -> None:
        """Count the seconds done in a file in work."""
        self._partly[source.path] = seconds
        self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds of audio done."""
        return self._seconds + sum(self._partly.values())

    @property
    def seconds_left(self) -> float:
        """Seconds of audio left: an estimate."""
        return max(0.0, self._rates.left(self.work.sizes) - sum(self._partly.values()))

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def times_real_time(self) -> float:
        """Seconds of audio done per second."""
        return self.seconds / max(self.elapsed, 1e-9)

    @property
    def time_left(self) -> float | None:
        """Seconds until the end at the mean speed so far; None before the first result.

        It counts down from one result to the next.
        """
        if not self.seconds:
            return None
        pace = (self._last - self._began) / self.seconds
        return max(0.0, self.seconds_left * pace - (time.monotonic() - self._last))
