"""Fitting of one network: training stages, export, calibration, evaluation, card."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features
from ser_batch.evaluation import calibration, metrics, plots
from ser_batch.evaluation.evaluate import Evaluation, evaluate, logits_of
from ser_batch.evaluation.several import Evaluations
from ser_batch.model.bundle import CARD_FILE, KERAS_FILE, NETWORK_FILE, Bundle, load_bundle
from ser_batch.model.runtime import Network
from ser_batch.training import export
from ser_batch.training.averaging import average
from ser_batch.training.batches import Batches, balanced_weights, soft_targets
from ser_batch.training.card import make_card
from ser_batch.training.encoded_batches import EncodedBatches, encode_views
from ser_batch.training.job import Job
from ser_batch.training.options import TrainOptions
from ser_batch.training.soft_labels import out_of_fold
from ser_batch.training.splits import Mask, strata_of

if TYPE_CHECKING:
    import keras

CHECKPOINT_FILE = "checkpoint-{}.npz"  # one for each stage
CHECKPOINTS = CHECKPOINT_FILE.format("*")
ENCODED_FILE = "encoded.npy"
VERIFIED_CLIPS = 16
PREDICTED_AT_ONCE = 64
STANDARD_CLIPS = 256

Array = NDArray[np.float32]


class CrossValidation(NamedTuple):
    """Figures over the folds, for the card; and the evaluation of all clips, each by the network of its fold."""

    figures: dict[str, Any]
    evaluation: Evaluation


def fit_one(
    job: Job, parts: dict[str, Mask], out: Path, cross_validation: CrossValidation | None = None
) -> Bundle:
    """Train on one split of the clips and write the bundle; the card comes last and makes it complete.

    Args:
        job: the training.
        parts: for `train`, `validation` and `test` a bool mask over the job's table.
        out: directory for the bundle; a complete one is returned as it is, an incomplete one is resumed.
        cross_validation: gives the temperature and the figures; without, they are those of a held-out part.
    """
    if (out / CARD_FILE).exists():
        return load_bundle(out)
    out.mkdir(parents=True, exist_ok=True)
    table, weights = job.table, job.options.weights
    if job.members:
        model, course = average(job.members), {"epochs": 0, "best_epoch": 0, "seconds": 0}
    else:
        model, course = train_network(job, parts, out)
    model.save(out / KERAS_FILE)
    export.export(out / KERAS_FILE, out / NETWORK_FILE, weights)
    checked = np.flatnonzero(parts["train"])[:VERIFIED_CLIPS]
    network = Network(out / NETWORK_FILE)
    export.verify(network, table.log_mel(checked), _predict(model, job, checked), weights)

    temperature = 1.0
    if cross_validation:
        temperature = cross_validation.figures["temperature"]
    elif parts["validation"].any():
        logits = calibration_logits(job, network, parts["validation"])
        temperature = calibration.fit_temperature(logits, job.classes[parts["validation"]])
    measured = next(part for part in ("test", "validation", "train") if parts[part].any())
    noises = job.test_noises if measured == "test" else ()
    if cross_validation:
        measured, evaluation = "cross-validation", cross_validation.evaluation
    else:
        part = table.select(parts[measured])
        evaluation = evaluate(network, part, job.labels, temperature, noises=noises)
    evaluation.save(out)
    spoken = np.array(table.speakers)
    card = make_card(
        out,
        job,
        {part: int(mask.sum()) for part, mask in parts.items()},
        {part: sorted(set(spoken[mask].tolist())) for part, mask in parts.items()},
        course,
        temperature=temperature,
        parameters=model.count_params(),
        evaluated_on=measured,
        evaluation=evaluation.summary(),
        cross_validation=cross_validation.figures if cross_validation else None,
        rooms=_rooms(job, network, temperature),
    )
    (out / CARD_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for checkpoint in out.glob(CHECKPOINTS):
        checkpoint.unlink()
    return load_bundle(out)


def calibration_logits(job: Job, network: Network, held_out: Mask) -> Array:
    """Logits of held-out clips for the fit of the temperature: of one view of each, where the job has views.

    Recordings of users differ from the training clips as views do. A temperature that fits clean clips of the same
    corpus would make the network too confident there.
    """
    table = job.table.select(held_out)
    if job.views:
        levels, frames = job.views.draw(np.flatnonzero(held_out), np.random.default_rng(job.seed))
        table = replace(table, levels=levels, frames=frames)
    return logits_of(network, table)


def _rooms(job: Job, network: Network, temperature: float) -> list[dict[str, Any]]:
    """Figures of the other corpora, a row each, and their mean."""
    by_corpus = {title: evaluate(network, table, job.labels, temperature) for title, table in job.rooms}
    return Evaluations(by_corpus).rows() if by_corpus else []


def train_network(job: Job, parts: dict[str, Mask], out: Path) -> tuple["keras.Model", dict[str, Any]]:
    """Train the stages one after the other, each from the weights of the one before.

    Args:
        job: the training.
        parts: as for `fit_one`.
        out: existing folder for history.csv, curves.png and the checkpoints.

    Returns:
        The network in float32, and for the card its epochs, the epoch that was kept, and seconds.
    """
    history: list[dict[str, float]] = []
    model, best_epoch = None, 0
    for stage in range(len(job.stages)):
        model, rows, best_epoch = _train_stage(job, stage, parts, out, model)
        best_epoch += len(history)
        history += [{**row, "epoch": len(history) + row["epoch"]} for row in rows]
    assert model is not None
    save_history(history, out / "history.csv")
    plots.save_curves(history, out / "curves.png")
    seconds = round(sum(row["seconds"] for row in history))
    return model, {"epochs": len(history), "best_epoch": best_epoch, "seconds": seconds}


def _train_stage(
    job: Job, stage: int, parts: dict[str, Mask], out: Path, before: "keras.Model | None"
) -> tuple["keras.Model", list[dict[str, float]], int]:
    """The network after a stage, a row of history for each epoch, and the epoch that was kept."""
    import keras

    from ser_batch.training import loop
    from ser_batch.training.networks import build, whisper_classifier

    options, n_classes = job.stages[stage], len(job.labels)
    rows, validation = np.flatnonzero(parts["train"]), np.flatnonzero(parts["validation"])
    keras.utils.set_random_seed(job.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if options.mixed_precision else "float32")
    try:
        model = build.build(options, n_classes, frames=None)
        if before:
            model.set_weights(before.get_weights())
        else:
            _set_initial_weights(model, job, rows)
        initial = model.get_weights()
        trained, encoder = build.for_training(model, job.teacher.widths if job.teacher else None), None
        if options.frozen_encoder:
            encoder, trained = whisper_classifier.split(trained)
        elif options.mixup_behind_encoder:
            trained = whisper_classifier.with_mixup(trained)
    finally:
        keras.config.set_dtype_policy(policy)
    encoded = out / ENCODED_FILE
    batches = (
        _encoded_batches(job, options, rows, encoder, encoded) if encoder else _batches(job, options, rows)
    )

    def validate() -> dict[str, float]:
        logits, actual = _predict(model, job, validation), job.classes[validation]
        confusion = metrics.confusion_matrix(actual, logits.argmax(axis=1), n_classes)
        return {
            "val_loss": metrics.negative_log_likelihood(logits, actual),
            "val_accuracy": metrics.accuracy(confusion),
            "val_uar": metrics.uar(confusion),
        }

    number = f" stage {stage + 1}/{len(job.stages)}" if len(job.stages) > 1 else ""
    history, best_epoch = loop.run(
        trained,
        batches,
        validate if len(validation) else None,
        options,
        job.seed,
        out / CHECKPOINT_FILE.format(stage + 1),
        job.identity(parts, stage),
        out.name + number,
        job.quiet,
    )
    encoded.unlink(missing_ok=True)
    # the network is kept and exported in float32, also after training in bfloat16
    plain = build.build(options, n_classes)
    plain.set_weights(model.get_weights())
    if options.network == "whisper" and not options.frozen_encoder:
        whisper_classifier.keep_share(plain, initial, options.encoder.kept_change)
    return plain, history, best_epoch


def _set_initial_weights(model: "keras.Model", job: Job, rows: NDArray[np.int64]) -> None:
    """Weights of the model to start from, or of Whisper's encoder; statistics of the training clips."""
    from ser_batch.training.networks import build, cnn, whisper_classifier, whisper_encoder
    from ser_batch.training.statistics import band_statistics, pause_spectrum

    if job.start:
        build.copy_weights(model, job.start.path / KERAS_FILE, output_too=job.start.labels == job.labels)
        return
    spectrum = pause_spectrum(job.table, rows)
    model.get_layer("noise_floor").set_weights([spectrum])
    if job.encoder:
        whisper_encoder.load(model, job.encoder)
        some = np.random.default_rng(job.seed).permutation(rows)[:STANDARD_CLIPS]
        inputs = features.network_input(job.table.log_mel(some), job.options.features)
        whisper_classifier.set_standards(model, inputs)
    else:
        cnn.set_normaliser(model, *band_statistics(job.table, rows, spectrum))


def _batches(job: Job, options: TrainOptions, rows: NDArray[np.int64]) -> Batches:
    targets = _targets(job, options, rows)
    return Batches(
        job.table,
        rows,
        targets,
        _class_weights(options, targets[rows]),
        options,
        job.seed,
        job.teacher,
        job.noise.power if job.noise else None,
        job.views,
    )


def _encoded_batches(
    job: Job, options: TrainOptions, rows: NDArray[np.int64], encoder: "keras.Model", path: Path
) -> EncodedBatches:
    noise = job.noise.power if job.noise else None
    views = encode_views(encoder.predict_on_batch, job.table, rows, path, options, job.seed, noise, job.views)
    targets = _targets(job, options, rows)[rows]
    weights = _class_weights(options, targets)
    return EncodedBatches(views, len(encoder.outputs) - 1, targets, weights, options, job.seed)


def _class_weights(options: TrainOptions, targets: Array) -> Array:
    return balanced_weights(targets) if options.class_weights else np.ones(targets.shape[1], np.float32)


def _targets(job: Job, options: TrainOptions, rows: NDArray[np.int64]) -> Array:
    """Targets of the clips of the table, `[clips, n_classes]`; with a teacher, blended with its soft labels."""
    table, share = job.table, options.distillation.labels
    targets = soft_targets(table, job.labels, options.votes, options.label_smoothing)
    if job.teacher and share:
        own = table.select(rows)
        soft = out_of_fold(
            job.teacher.statistics[rows], targets[rows], own.speakers, job.seed, strata_of(own)
        )
        targets[rows] += share * (soft - targets[rows])
    return targets


def _predict(model: "keras.Model", job: Job, rows: NDArray[np.int64]) -> Array:
    """Logits `[clips, n_classes]` of some clips of the job's table, without augmentation."""
    some = [rows[start : start + PREDICTED_AT_ONCE] for start in range(0, len(rows), PREDICTED_AT_ONCE)]
    inputs = (features.network_input(job.table.log_mel(few), job.options.features) for few in some)
    return np.concatenate([model.predict_on_batch(each) for each in inputs])


def save_history(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write one row an epoch as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)
