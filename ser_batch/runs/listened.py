"""Answers of listeners, read from CSV files and matched to files or segments of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_batch.corpora.clips import canonical
from ser_batch.errors import SerBatchError
from ser_batch.evaluation.audit_sample import strata
from ser_batch.inputs.tables import read_table
from ser_batch.output.audit.page import NO_SPEECH, NONE
from ser_batch.runs.auditing import Unit, units
from ser_batch.runs.finished import FinishedRun

OTHER = (NONE, NO_SPEECH)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a listener said about a file, or about a part of it from `start` to `end` in seconds."""

    file: str
    start: float | None
    end: float | None
    label: str
    listener: str


@dataclass(frozen=True, slots=True)
class Listened:
    """The units of an archive that were listened to.

    `counts` is `[items, labels + 1]`: how many listeners chose each label, and last what is none of them;
    `probabilities` `[items, labels]` are the model's; `stratum` `[items]` and `archive` `[units]` are as
    `audit_sample.strata` numbers them; `predicted` `[units]` is the model's label.
    """

    level: str
    counts: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    stratum: NDArray[np.int64]
    archive: NDArray[np.int64]
    predicted: NDArray[np.int64]
    listeners: int
    unknown: int  # answers about recordings that have no label

    @property
    def votes(self) -> NDArray[np.float64]:
        """`[items, labels + 1]`, rows that sum to 1."""
        return self.counts / self.counts.sum(axis=1, keepdims=True)


def read_answers(paths: Iterable[Path], labels: Sequence[str]) -> list[Answer]:
    """Read the CSV files of listeners, with the columns file, label, and perhaps start, end and listener.

    Without the column, each file is another listener. An answer may be a label of the model, a synonym of one, `none`,
    `no-speech`, or another emotion, which counts as `none`.

    Raises:
        SerBatchError: a file that cannot be read, or an answer that is no known word.
    """
    answers = []
    for path in paths:
        for line, row in read_table(str(path), ("file", "label"), ("start", "end", "listener")):
            word = str(row["label"]).strip()
            label = word if word in (*labels, *OTHER) else canonical(word)
            if not label:
                raise SerBatchError(
                    f"{path}, line {line}: unknown answer {word!r}: give one of {', '.join((*labels, *OTHER))}"
                )
            try:
                start, end = (float(row[name]) if row.get(name) else None for name in ("start", "end"))
            except ValueError:
                raise SerBatchError(
                    f"{path}, line {line}: start and end are no numbers: give seconds"
                ) from None
            listener = str(row.get("listener") or path.stem)
            answers.append(Answer(str(row["file"]).strip(), start, end, label, listener))
    if not answers:
        raise SerBatchError("no answers: label some recordings, and save them")
    if len({answer.start is None for answer in answers}) > 1:
        raise SerBatchError(
            "some answers have times, others are about whole files: calibrate with one of both"
        )
    return answers


def match(run: FinishedRun, answers: Sequence[Answer]) -> Listened:
    """Find the unit of each answer: its file, or the segment whose middle is nearest to the answer's middle.

    Of several answers of a listener about a unit the last one counts.

    Raises:
        SerBatchError: no answer is about a recording that has a label.
    """
    level = "files" if answers[0].start is None else "segments"
    of_file: dict[str, list[Answer]] = {}
    for answer in answers:
        of_file.setdefault(answer.file, []).append(answer)
    labels, confidences = [], []
    candidates: dict[str, list[tuple[int, Unit]]] = {}
    for number, unit in enumerate(units(run, level)):
        labels.append(int(np.argmax(unit.probabilities)))
        confidences.append(max(unit.probabilities))
        if unit.file in of_file:
            candidates.setdefault(unit.file, []).append((number, unit))
    said: dict[int, dict[str, str]] = {}
    found: dict[int, Unit] = {}
    unknown = 0
    for answer in answers:
        near = candidates.get(answer.file)
        if not near:
            unknown += 1
            continue
        number, unit = min(near, key=lambda each: _distance(each[1], answer))
        found[number] = unit
        said.setdefault(number, {})[answer.listener] = answer.label
    if not found:
        raise SerBatchError(
            f"{run.folder}: none of the {len(answers)} answers names a recording that has a label there "
            f"(the first: {answers[0].file}): give names as in files.csv"
        )
    numbers = sorted(found)
    columns = {label: column for column, label in enumerate(run.labels)}
    counts = np.zeros((len(numbers), len(columns) + 1), np.int64)
    for row, number in enumerate(numbers):
        for label in said[number].values():
            counts[row, columns.get(label, len(columns))] += 1
    predicted = np.array(labels, np.int64)
    archive = strata(predicted, np.array(confidences))
    return Listened(
        level,
        counts,
        np.array([found[number].probabilities for number in numbers]),
        archive[numbers],
        archive,
        predicted,
        len({answer.listener for answer in answers}),
        unknown,
    )


def _distance(unit: Unit, answer: Answer) -> float:
    """Between the middles of a unit and an answer, in seconds."""
    if answer.start is None or answer.end is None:
        return 0.0
    return abs(unit.start + unit.end - answer.start - answer.end) / 2
