"""How far a run is: what it tells about itself while it works, and what can be made of that."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source, Unreadable
from ser_batch.inputs.suffixes import suffix

# Bytes in a second of speech as people keep it: what is believed of a type of file until some of it is done.
USUAL_RATES = {".wav": 32_000, ".flac": 20_000, ".mp3": 12_000, ".m4a": 8_000, ".ogg": 8_000, ".opus": 4_000}
BELIEF_SECONDS = 1.0  # of audio, after which a type's own rate counts for more than the usual one


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is to do: so many files, beside those done in earlier runs, with so many bytes of each suffix.

    `unreadable` are inputs that have failed already; `labels` are the emotions in the order of an annotation's
    probabilities; `name` is what the tables call a path.
    """

    files: int
    done_before: int
    sizes: Mapping[str, int]
    unreadable: Sequence[Unreadable]
    labels: Sequence[str]
    name: Callable[[str], str]


def count_work(
    todo: Iterable[Source],
    unreadable: Sequence[Unreadable],
    done_before: int,
    labels: Sequence[str],
    name: Callable[[str], str],
) -> Work:
    """Count files and their bytes."""
    files = 0
    sizes: Counter[str] = Counter()
    for source in todo:
        files += 1
        sizes[suffix(source.path)] += source.size
    return Work(files, done_before, sizes, unreadable, labels, name)


class Progress:
    """Is told what happens in a run; this one shows nothing."""

    def warn(self, message: str) -> None:
        """Something that the user should know before it begins."""

    def begin(self, work: Work) -> None:
        """What is to be annotated is known."""

    def advance(self, source: Source, outcome: Annotation | Failure) -> None:
        """One of the files is done."""

    def file_progress(self, source: Source, seconds: float) -> None:
        """So much of a file in work is done, in seconds of audio. Told several times a second."""

    def tick(self) -> None:
        """Time has passed. Told several times a second."""

    def stopping(self) -> None:
        """A signal has come: what is in work is being finished. Told many times."""

    def end(self) -> None:
        """All files are done, or the run was interrupted."""


class Rates:
    """Seconds of audio in a byte, by suffix: as is usual, until some of the type has been heard."""

    def __init__(self) -> None:
        self._read: Counter[str] = Counter()
        self._heard: defaultdict[str, float] = defaultdict(float)

    def learn(self, source: Source, seconds: float) -> None:
        """So much audio is in a file."""
        self._read[suffix(source.path)] += source.size
        self._heard[suffix(source.path)] += seconds

    def left(self, sizes: Mapping[str, int]) -> float:
        """Seconds in so many bytes of each suffix, beside those of the files that were learnt: an estimate."""
        return sum((size - self._read[kind]) * self._seconds_a_byte(kind) for kind, size in sizes.items())

    def _seconds_a_byte(self, kind: str) -> float:
        belief = BELIEF_SECONDS * USUAL_RATES.get(kind, 32_000)
        return (BELIEF_SECONDS + self._heard[kind]) / (belief + self._read[kind])


class ProgressEstimate:
    """Measures a run in seconds of audio, since files and bytes take times that differ a hundredfold."""

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
        """Count so much of a file in work."""
        self._partly[source.path] = seconds
        self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Of audio that are done."""
        return self._seconds + sum(self._partly.values())

    @property
    def seconds_left(self) -> float:
        """Of audio: an estimate."""
        return max(0.0, self._rates.left(self.work.sizes) - sum(self._partly.values()))

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def times_real_time(self) -> float:
        """Seconds of audio done in a second."""
        return self.seconds / max(self.elapsed, 1e-9)

    @property
    def time_left(self) -> float | None:
        """Seconds until the end at the pace so far; unknown before there is any audio.

        From one result to the next it counts down: only then is it known how much has been done.
        """
        if not self.seconds:
            return None
        pace = (self._last - self._began) / self.seconds
        return max(0.0, self.seconds_left * pace - (time.monotonic() - self._last))
