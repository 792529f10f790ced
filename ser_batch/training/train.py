"""Training: a feature table in, a bundle out; with cross-validation, one more for each held-out fold."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError, UsageError
from ser_batch.evaluation import calibration, metrics
from ser_batch.evaluation.evaluate import logits_of
from ser_batch.model.bundle import CARD_FILE, Bundle
from ser_batch.model.runtime import Network, softmax
from ser_batch.training.batches import auxiliary_targets
from ser_batch.training.division import divide, folds_of, hold_out
from ser_batch.training.fitting import CHECKPOINT_FILE, fit_one
from ser_batch.training.options import recorded_architecture
from ser_batch.training.task import Task

FIGURES = ("uar", "accuracy", "macro_f1", "ece", "ece_uncalibrated")


def fit(task: Task, out: str | PathLike[str], resume: bool = False) -> Bundle:
    """Train a network on a corpus and write its bundle.

    With `cross_validate`, one bundle for each held-out fold goes to `out/folds/` first.

    Args:
        task: corpus, options and the rest.
        out: directory for the bundle; its name becomes the model's.
        resume: go on with an interrupted training in `out`; it ends as if it had not been interrupted.

    Raises:
        SerBatchError: too few classes or speakers, `out` holds another training, or cannot be written.
    """
    out = Path(out)
    if task.start:
        if "members" in task.start.card["training"]:
            raise UsageError(f"{task.start.name} is an ensemble: begin with one of its members.")
        architecture = recorded_architecture(task.start.card)
        options = replace(task.options, architecture=architecture, features=task.start.features)
        task = replace(task, options=options)
    _check(task)
    _check_folder(out, resume)
    parts = divide(task.table, task.options)
    return fit_one(task, parts, out, _cross_validate(task, out) if task.options.cross_validate else None)


def _check(task: Task) -> None:
    if task.ensemble and (task.start or task.encoder or task.teacher or task.noise):
        raise UsageError(
            "The networks of an ensemble are trained already: give nothing to begin with or to learn."
        )
    if len(task.labels) < 2:
        raise SerBatchError(
            f"{task.table.corpus} has {len(task.labels)} emotion ({', '.join(task.labels)}): "
            "training needs two or more."
        )
    auxiliary_targets(task.table, task.options.auxiliary)
    if task.options.augmentation == "waveform" and not task.table.paths:
        raise SerBatchError(
            f"{task.table.corpus} is a stored table without audio: waveform augmentation needs the corpus's files. "
            "Give the corpus itself, or augment spectrograms."
        )
    if task.start and task.encoder:
        raise UsageError("A training begins with a model or with Whisper's encoder, not with both.")
    if task.start and task.options.mixed_precision:
        raise UsageError("A training that begins with a model is in float32: leave mixed precision out.")
    if task.thaw and (task.options.frozen or not task.encoder):
        raise UsageError(
            "To thaw is to tune Whisper's encoder (--encoder) that was frozen before, not to freeze it."
        )
    if task.options.frozen and (task.options.auxiliary or task.options.augmentation == "waveform"):
        raise UsageError(
            "What stands upon a frozen encoder learns labels alone, from spectrograms: "
            "leave out attributes to tell and waveform augmentation."
        )
    if task.options.augmentation == "waveform" and task.teacher:
        raise UsageError("A teacher cannot follow changes of the waveform: augment spectrograms.")
    if task.options.augmentation != "spectrogram" and task.noise:
        raise UsageError("Recorded noise is mixed with spectrograms: augment those.")
    held_out = task.options.test or task.options.test_fold or task.options.cross_validate
    if task.test_noises and not held_out:
        raise UsageError("No clips are held out that could be measured under noise.")
    heard_too_late = task.noise or (task.test_noises and not task.table.paths)
    if task.table.denoise != "off" and heard_too_late:
        raise UsageError(
            "Noise comes before noise reduction, which this table is already through: take one without."
        )


def _check_folder(out: Path, resume: bool) -> None:
    if not resume and any(out.rglob(CHECKPOINT_FILE)):
        raise SerBatchError(
            f"{out} holds an unfinished training: resume it (--resume), or remove the folder."
        )
    if not resume and (out / CARD_FILE).exists():
        raise SerBatchError(f"{out} holds a model already: choose another folder, or remove it.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".writable").touch()
        (out / ".writable").unlink()
    except OSError as error:
        raise SerBatchError(f"{out}: the model cannot be written there ({error.strerror}).") from error


def _cross_validate(task: Task, out: Path) -> dict[str, Any]:
    """Train and test once a fold: each fold's figures; their mean and sample standard deviation, by class and group.

    With so many speakers held out, one after the other, their temperature is the final network's. The calibration error
    of a fold is that under the temperature of the other folds' clips, which is what one has for new speakers; so is
    that of all their clips together, where one fold's trust that is too high and another's that is too low cancel.
    """
    evaluations, logits, actual = {}, {}, {}
    for fold, test in folds_of(task.table, task.options).items():
        bundle = fit_one(task, hold_out(task.table, test, task.options), out / "folds" / fold)
        network = Network(bundle.network_path)
        evaluations[fold] = bundle.card["evaluation"]
        logits[fold], actual[fold] = logits_of(network, task.table.select(test)), task.classes[test]
    by_fold = {fold: {figure: each[figure] for figure in FIGURES} for fold, each in evaluations.items()}
    probabilities = {}
    for fold, figures in by_fold.items():
        others = [other for other in by_fold if other != fold]
        temperature = _temperature(logits, actual, others)
        probabilities[fold] = softmax(logits[fold], temperature)
        figures["temperature"] = temperature
        figures["ece"] = metrics.expected_calibration_error(probabilities[fold], actual[fold])
    overall = over_folds(list(by_fold.values()))
    return {
        "temperature": _temperature(logits, actual, list(by_fold)),
        "folds": by_fold,
        "mean": {figure: overall[figure]["mean"] for figure in FIGURES},
        "sd": {figure: overall[figure]["sd"] for figure in FIGURES},
        "ece_of_all_clips": metrics.expected_calibration_error(
            np.concatenate(list(probabilities.values())), np.concatenate(list(actual.values()))
        ),
        "per_class": over_folds([each["per_class"] for each in evaluations.values()]),
        "groups": over_folds([each["groups"] for each in evaluations.values()]),
        "under_noise": over_folds([each["under_noise"] for each in evaluations.values()]),
    }


def _temperature(
    logits: Mapping[str, NDArray[np.float32]], actual: Mapping[str, NDArray[np.int64]], folds: list[str]
) -> float:
    """The temperature that fits the held-out clips of some folds, each judged by its own network."""
    return calibration.fit_temperature(
        np.concatenate([logits[fold] for fold in folds]), np.concatenate([actual[fold] for fold in folds])
    )


def over_folds(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """For each figure that every fold has, at any depth, `{"mean": …, "sd": …}`; for `clips` their sum."""
    common = [name for name in folds[0] if all(name in fold for fold in folds)]
    return {name: _over([fold[name] for fold in folds], name) for name in common}


def _over(values: list[Any], name: str) -> Any:
    if isinstance(values[0], dict):
        return over_folds(values)
    if name == "clips":
        return sum(values)
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
