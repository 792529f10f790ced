"""Cross-validation: one network for each held-out fold; figures of each fold, their mean and deviation."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.corpora.joining import qualified_speakers
from ser_batch.evaluation import calibration, metrics
from ser_batch.evaluation.evaluate import Evaluation, logits_of
from ser_batch.model.bundle import CARD_FILE, load_bundle
from ser_batch.model.runtime import Network, softmax
from ser_batch.training.averaging import FOLDS, check_unseen, of_fold
from ser_batch.training.fitting import CrossValidation, calibration_logits, fit_one
from ser_batch.training.job import Job
from ser_batch.training.splits import folds_of, split_fold

FIGURES = ("uar", "accuracy", "macro_f1", "ece", "ece_uncalibrated")


def cross_validate(job: Job, out: Path) -> CrossValidation:
    """Train and test a network for each fold; its bundle is `out/folds/FOLD`.

    A job that starts from a cross-validated model starts each fold from that model's network of the same fold.

    The final network's temperature is fitted on all clips, each with the logits of the network that did not train on
    it: on a view of each clip in another room, where the job has views. The calibration error of a fold is measured on
    its clips with the temperature of the other folds, as for new speakers.
    """
    evaluations, logits, to_calibrate, actual = {}, {}, {}, {}
    logits_of_all = np.zeros((len(job.table), len(job.labels)), np.float32)
    for fold, test in folds_of(job.table, job.hold_out, job.seed).items():
        parts = split_fold(job.table, test, job.hold_out, job.seed)
        fold_job = _of_fold(job, fold)
        speakers = set(job.table.select(test).speakers)
        check_unseen(fold_job.members, qualified_speakers(job.table.corpus, speakers))
        bundle = fit_one(fold_job, parts, out / FOLDS / fold)
        network = Network(bundle.network_path)
        evaluations[fold] = bundle.card["evaluation"]
        logits[fold], actual[fold] = logits_of(network, job.table.select(test)), job.classes[test]
        to_calibrate[fold] = calibration_logits(job, network, test) if job.views else logits[fold]
        logits_of_all[test] = logits[fold]
    by_fold = {fold: {figure: each[figure] for figure in FIGURES} for fold, each in evaluations.items()}
    probabilities = {}
    for fold, figures in by_fold.items():
        others = [other for other in by_fold if other != fold]
        temperature = _temperature(to_calibrate, actual, others)
        probabilities[fold] = softmax(logits[fold], temperature)
        figures["temperature"] = temperature
        figures["ece"] = metrics.expected_calibration_error(probabilities[fold], actual[fold])
    overall = over_folds(list(by_fold.values()))
    figures = {
        "temperature": _temperature(to_calibrate, actual, list(by_fold)),
        "calibrated_on": "views" if job.views else "clips",
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
    table = job.table
    together = Evaluation(
        job.labels,
        table.names,
        job.classes,
        logits_of_all,
        figures["temperature"],
        table.attributes,
        speakers=table.speakers,
        corpus=table.corpus,
    )
    return CrossValidation(figures, together)


def _of_fold(job: Job, fold: str) -> Job:
    """The job of a fold; it starts from the network of that fold, where the model to start from has one."""
    job = replace(job, rooms=(), members=of_fold(job.members, fold))
    folder = job.start.path / FOLDS / fold if job.start else None
    return replace(job, start=load_bundle(folder)) if folder and (folder / CARD_FILE).exists() else job


def _temperature(
    logits: Mapping[str, NDArray[np.float32]], actual: Mapping[str, NDArray[np.int64]], folds: list[str]
) -> float:
    """The temperature for the held-out clips of some folds, each with the logits of its own network."""
    return calibration.fit_temperature(
        np.concatenate([logits[fold] for fold in folds]), np.concatenate([actual[fold] for fold in folds])
    )


def over_folds(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """For each figure that all folds have, at any depth, `{"mean": …, "sd": …}`; the sum of `clips` and `speakers`."""
    common = [name for name in folds[0] if all(name in fold for fold in folds)]
    return {name: _over([fold[name] for fold in folds], name) for name in common}


def _over(values: list[Any], name: str) -> Any:
    if isinstance(values[0], dict):
        return over_folds(values)
    if name in ("clips", "speakers"):
        return sum(values)
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
