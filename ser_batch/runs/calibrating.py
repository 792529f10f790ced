"""Calibration of a finished run to its archive, from the answers of listeners."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError
from ser_batch.evaluation.adaptation import FOLDS, choose_penalty, fit_map, nested_cross_validated
from ser_batch.evaluation.audit_estimates import Estimate, Sample, agreement, figures, joint_cells
from ser_batch.output.replace import Replacement
from ser_batch.output.report.page import write_report
from ser_batch.runs import run_json
from ser_batch.runs.adapting import (
    CALIBRATION_FILE,
    CALIBRATION_VERSION,
    adapted_results,
    calibration_in_use,
)
from ser_batch.runs.finished import FinishedRun
from ser_batch.runs.listened import Listened, match, read_answers
from ser_batch.runs.lock import locked
from ser_batch.runs.run import folder_errors
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import check_formats, write_tables

LEAST_LABELS = 20  # with an emotion, to fit a calibration
BINS = (0.0, 0.4, 0.6, 0.8, 1.0)  # of confidence


def calibrate_run(folder: Path, paths: Iterable[Path], output: Path | None = None) -> dict[str, Any]:
    """Calibrate a finished run; write the calibration, and the tables of the folder unless `output` is given.

    Args:
        folder: output folder of `annotate` or `merge`.
        paths: CSV files of listeners.
        output: file for the calibration; by default in the folder.

    Returns:
        The calibration, with all estimates.

    Raises:
        SerBatchError: no finished run, answers that cannot be read, or too few of them.
    """
    run = FinishedRun(folder)
    listened = match(run, read_answers(paths, run.labels))
    model = run.document["model"]
    document = {
        "schema_version": CALIBRATION_VERSION,
        "model": model["name"],
        "model_sha256": model["sha256"],
        "labels": run.labels,
        **calibration_of(listened, run.labels),
    }
    with folder_errors(output.parent if output else folder):
        _save(output or folder / CALIBRATION_FILE, document)
        if output is None:
            rewrite(run)
    return document


def undo(folder: Path) -> None:
    """Remove the calibration of a folder, and write its tables without it.

    Raises:
        SerBatchError: the folder is not calibrated, or cannot be written.
    """
    run = FinishedRun(folder)
    path = folder / CALIBRATION_FILE
    if not path.exists():
        raise SerBatchError(f"{path}: no such file: the folder is not calibrated")
    with folder_errors(folder):
        path.unlink()
        rewrite(run)


def calibration_of(listened: Listened, labels: Sequence[str]) -> dict[str, Any]:
    """Fit a calibration, and estimate what the labels are worth before and after it.

    Args:
        listened: the answers.
        labels: of the model.

    Raises:
        SerBatchError: too few answers name an emotion.
    """
    k = len(labels)
    emotions = listened.votes[:, :k].sum(axis=1) > 0
    if emotions.sum() < LEAST_LABELS:
        raise SerBatchError(
            f"{emotions.sum()} recordings with an emotion of the model are too few: label {LEAST_LABELS} or more"
        )
    votes = listened.votes[emotions, :k]
    votes = votes / votes.sum(axis=1, keepdims=True)
    known = listened.probabilities[emotions]
    penalty = choose_penalty(known, votes)
    fitted = fit_map(known, votes, penalty)
    after = fitted.apply(listened.probabilities)
    after[emotions] = nested_cross_validated(known, votes)
    sample = Sample(listened.stratum, listened.archive)
    return {
        "factor": fitted.factor,
        "offsets": dict(zip(labels, fitted.offsets.tolist(), strict=True)),
        "penalty": penalty,
        "level": listened.level,
        "listened": len(listened.votes),
        "with_emotion": int(emotions.sum()),
        "listeners": listened.listeners,
        "unknown": listened.unknown,
        "between_listeners": _between_listeners(listened, sample),
        "before": _estimates(sample, listened.votes, listened.probabilities, labels),
        "after": _estimates(sample, listened.votes, after, labels, min(FOLDS, int(emotions.sum()))),
        "shares": _shares(sample, listened, labels),
    }


def _estimates(
    sample: Sample,
    votes: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    labels: Sequence[str],
    folds: int | None = None,
) -> dict[str, Any]:
    """Figures of the labels; with `folds`, the probabilities are held-out ones of a cross-validation."""
    predicted = probabilities.argmax(axis=1)
    cells = joint_cells(votes, predicted)
    found = sample.estimate(cells, figures)[:3]
    accuracy, uar, kappa = [each.cross_validated(folds) for each in found] if folds else found
    confusion = iter(sample.estimate(cells, _confusion))
    answers = (*labels, "other")
    return {
        "accuracy": _record(accuracy),
        "uar": _record(uar),
        "kappa": _record(kappa),
        "confusion": {actual: {label: _record(next(confusion)) for label in labels} for actual in answers},
        "reliability": _reliability(sample, votes, probabilities),
    }


def _confusion(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each prediction in each row of actual labels, flat."""
    rows = tables / np.maximum(tables.sum(axis=2, keepdims=True), 1e-12)
    return rows.reshape(len(tables), -1)


def _reliability(
    sample: Sample, votes: NDArray[np.float64], probabilities: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Mean confidence and accuracy, by confidence."""
    confidence = probabilities.max(axis=1)
    right = votes[np.arange(len(votes)), probabilities.argmax(axis=1)]
    in_bin = np.clip(np.searchsorted(BINS, confidence, side="right") - 1, 0, len(BINS) - 2)
    cells = (
        np.stack([right, 1 - right], axis=1)[:, :, np.newaxis] * np.eye(len(BINS) - 1)[in_bin][:, np.newaxis]
    )
    found = sample.estimate(cells, lambda tables: tables[:, 0] / np.maximum(tables.sum(axis=1), 1e-12))
    return [
        {
            "from": BINS[number],
            "to": BINS[number + 1],
            "listened": int((in_bin == number).sum()),
            "confidence": round(
                float(np.average(confidence, weights=sample.weights * (in_bin == number))), 4
            ),
            "accuracy": _record(estimate),
        }
        for number, estimate in enumerate(found)
        if (in_bin == number).any()
    ]


def _shares(sample: Sample, listened: Listened, labels: Sequence[str]) -> dict[str, Any]:
    """The share of each label in the archive: as predicted, and as estimated from the answers."""
    k = len(labels)
    raw = np.bincount(listened.predicted, minlength=k) / len(listened.predicted)
    predicted = listened.probabilities.argmax(axis=1)
    estimated = sample.estimate(joint_cells(listened.votes, predicted), figures)[3:]
    shares = {
        label: {"predicted": round(float(raw[number]), 4), "estimated": _record(estimated[number])}
        for number, label in enumerate(labels)
    }
    return shares | {"other": {"predicted": 0.0, "estimated": _record(estimated[k])}}


def _between_listeners(listened: Listened, sample: Sample) -> list[float] | None:
    several = listened.counts.sum(axis=1) > 1
    if several.sum() < 2:
        return None
    return _record(agreement(listened.counts[several], sample.weights[several]))


def _record(estimate: Estimate) -> list[float]:
    return [round(value, 4) for value in (estimate.value, estimate.low, estimate.high)]


def _save(path: Path, document: dict[str, Any]) -> None:
    replacement = Replacement(path)
    replacement.file.write(json.dumps(document, indent=2) + "\n")
    replacement.close()


def rewrite(run: FinishedRun) -> Summary:
    """Write the tables of a finished run, its `run.json` and its report anew, with the calibration of the folder.

    Raises:
        SerBatchError: a format cannot be written, or another process writes to the folder.
    """
    check_formats(run.options.formats)
    calibrated = (run.folder / CALIBRATION_FILE).exists()
    options = replace(run.options, adapt=run.options.adapt and not calibrated)
    summary = Summary(run.folder)
    with locked(run.folder / ".journal" / "lock"):
        calibration = calibration_in_use(run.folder, options, run.document["model"])
        results, adapted = adapted_results(run.results, str, run.labels, options, calibration)
        write_tables(results, run.name, run.labels, options, summary)
        document = {
            name: value for name, value in run.document.items() if name not in ("adaptation", "calibration")
        }
        fresh = run_json.summary_fields(summary)
        counts = fresh["counts"] | {"resumed": run.document["counts"]["resumed"]}
        run_json.save(
            run.folder / "run.json", document | {"counts": counts, "labels": fresh["labels"]} | adapted
        )
        if (run.folder / "report.html").exists() and "csv" in options.formats:
            write_report(run.folder)
    return summary
