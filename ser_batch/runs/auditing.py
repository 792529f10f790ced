"""Audit samples: recordings drawn from a finished run, with their audio, for listeners to label."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import SAMPLE_RATE
from ser_batch.engine.result import Annotation
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.evaluation import audit_sample
from ser_batch.inputs.spool import Spool
from ser_batch.inputs.url import is_url
from ser_batch.output.audit.page import Item
from ser_batch.output.names import harmless_path, in_utf8
from ser_batch.runs.finished import FinishedRun, absolute_name
from ser_batch.runs.rows import rows
from ser_batch.stretches import split

LEVELS = ("files", "segments")
WHOLE_FILES = 10  # segments a file, on average: with more of them segments are listened to
MOST_SECONDS = 60.0  # of an item


@dataclass(frozen=True, slots=True)
class Unit:
    """A file or a segment that has a label: the model's own probabilities, neither adapted nor calibrated.

    `path` is relative to the root, `file` as in the tables; times in seconds; `speech` is the speech ratio.
    """

    path: str
    file: str
    start: float
    end: float
    probabilities: tuple[float, ...]
    speech: float


def level_of(run: FinishedRun, level: str | None = None) -> str:
    """The level that is asked for; by default files, or segments where files are long.

    Raises:
        UsageError: there is no such level.
    """
    if level not in (None, *LEVELS):
        raise UsageError(f"unknown level {level!r}: choose from {', '.join(LEVELS)}")
    counts = run.document["counts"]
    return level or ("files" if counts["segments"] <= WHOLE_FILES * counts["files"] else "segments")


def units(run: FinishedRun, level: str) -> Iterator[Unit]:
    """The files or segments of a run that have a label, in the order of the tables."""
    for path, outcome in run.results():
        if not isinstance(outcome, Annotation):
            continue
        file, segments = rows(path, outcome, run.labels)
        name = table_name(run, path)
        if level == "files":
            start = file.start or 0.0
            found = [(start, start + file.duration, file.emotion)]
        else:
            found = [(segment.start, segment.end, segment.emotion) for segment in segments]
        for start, end, emotion in found:
            if emotion.label is not None and emotion.probabilities is not None:
                yield Unit(path, name, start, end, emotion.probabilities, emotion.speech_ratio)


def table_name(run: FinishedRun, path: str) -> str:
    """The name of a file in the tables."""
    return harmless_path(in_utf8(run.name(path)))


@dataclass(frozen=True, slots=True)
class Archive:
    """The units of a run as arrays: predicted label and stratum, `[units]`."""

    level: str
    predicted: NDArray[np.int64]
    stratum: NDArray[np.int64]


def read_archive(run: FinishedRun, level: str) -> Archive:
    """Read the prediction of each unit.

    Raises:
        SerBatchError: there are none.
    """
    confidences = array("d")
    labels = array("q")
    for unit in units(run, level):
        labels.append(int(np.argmax(unit.probabilities)))
        confidences.append(max(unit.probabilities))
    predicted = np.array(labels, np.int64)
    if not len(predicted):
        raise SerBatchError(f"{run.folder}: no {level} with a label: there is nothing to listen to")
    return Archive(level, predicted, audit_sample.strata(predicted, np.array(confidences)))


def draw_items(run: FinishedRun, n: int, level: str, seed: int) -> list[Item]:
    """Draw a sample with its audio, in a random order.

    Raises:
        SerBatchError: nothing has a label, or a recording cannot be read any more.
    """
    archive = read_archive(run, level)
    indices, probabilities = audit_sample.draw(archive.stratum, n, seed)
    wanted = dict(zip(indices.tolist(), probabilities.tolist(), strict=True))
    drawn = {number: unit for number, unit in enumerate(units(run, level)) if number in wanted}
    spool = Spool()
    return [_item(run, drawn[number], wanted[number], level, spool) for number in indices.tolist()]


def _item(run: FinishedRun, unit: Unit, probability: float, level: str, spool: Spool) -> Item:
    path = split(absolute_name(run.root)(unit.path)).path  # the times of a unit are those within the file
    try:
        if is_url(path):
            with spool.local(path, lambda: None) as copy:
                audio = _mp3(copy, unit)
        else:
            audio = _mp3(path, unit)
    except (OSError, SerBatchError) as error:
        raise SerBatchError(
            f"{path}: cannot be read ({error}): put the recordings where they were annotated, or annotate them again"
        ) from error
    times = (f"{unit.start:.6f}", f"{unit.end:.6f}") if level == "segments" else ("", "")
    return Item(unit.file, *times, probability, audio)


def _mp3(path: str, unit: Unit) -> bytes:
    """The sound of a unit, at most `MOST_SECONDS` of it: 16 kHz mono, in the format that every browser plays."""
    from ser_batch.audio.decoding.decode import blocks
    from ser_batch.audio.encoding import mp3
    from ser_batch.audio.windows import windows

    end = min(unit.end, unit.start + MOST_SECONDS)
    rate, audio = blocks(path)
    kept = []
    for second in windows(audio, rate, 1.0, 1.0):
        if second.start / rate >= end:
            break
        kept.append(second.samples if second.end / rate > unit.start else second.samples[:0])
    skipped = int(unit.start)  # whole seconds before the first that is kept
    first = round((unit.start - skipped) * SAMPLE_RATE)
    return mp3(np.concatenate(kept)[first : first + round((end - unit.start) * SAMPLE_RATE)])
