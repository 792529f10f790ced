"""One network: trained on one division of the clips, exported, calibrated, evaluated and carded."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.evaluation import calibration, metrics, plots
from ser_batch.evaluation.evaluate import evaluate, logits_of
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, Bundle, load_bundle
from ser_batch.model.runtime import Network
from ser_batch.training import ensemble, export
from ser_batch.training.batches import Batches, auxiliary_targets, balanced_weights, soft_targets
from ser_batch.training.card import make_card
from ser_batch.training.division import strata_of
from ser_batch.training.encoded import EncodedBatches, hear
from ser_batch.training.options import QUIETEST_CELL_DB, LargeArchitecture
from ser_batch.training.soft_labels import out_of_fold
from ser_batch.training.splits import Mask
from ser_batch.training.task import Task

if TYPE_CHECKING:
    import keras

KERAS_FILE = "model.keras"
CHECKPOINT_FILE = "checkpoint.npz"
ENCODED_FILE = "encoded.npy"
VERIFIED_CLIPS = 16
PREDICTED_TOGETHER = 64
STANDARD_CLIPS = 256

Array = NDArray[np.float32]


def fit_one(
    task: Task, parts: dict[str, Mask], out: Path, cross_validation: dict[str, Any] | None = None
) -> Bundle:
    """Train on one division of the clips and write the bundle; the card comes last and makes it complete.

    Args:
        task: what to train.
        parts: for `train`, `validation` and `test` a bool mask over the task's table.
        out: directory for the bundle; one that is complete is returned as it is, one that is not is gone on with.
        cross_validation: figures for the card, and the temperature.
    """
    if (out / CARD_FILE).exists():
        return load_bundle(out)
    out.mkdir(parents=True, exist_ok=True)
    table, weights = task.table, task.options.weights
    spoken = np.array(table.speakers)
    speakers = {part: sorted(set(spoken[mask].tolist())) for part, mask in parts.items()}
    members = ensemble.members(task, speakers)
    if members:
        model = ensemble.network([member.path / KERAS_FILE for member in members])
        course: dict[str, Any] = {"members": [ensemble.told(member) for member in members]}
    else:
        begun = ensemble.member(task.thaw, task, speakers) if task.thaw else None
        model, course = _train_network(task, parts, out, begun)
        course |= {"thawed": ensemble.told(begun)} if begun else {}
    model.save(out / KERAS_FILE)
    export.export(out / KERAS_FILE, out / NETWORK_FILE, weights)
    checked = np.flatnonzero(parts["train"])[:VERIFIED_CLIPS]
    network = Network(out / NETWORK_FILE)
    export.verify(network, table.log_mel(checked), _predict(model, task, checked), weights)

    temperature = 1.0
    if cross_validation:
        temperature = cross_validation["temperature"]
    elif parts["validation"].any():
        validation_logits = logits_of(network, table.select(parts["validation"]))
        temperature = calibration.fit_temperature(validation_logits, task.classes[parts["validation"]])
    judged = next(part for part in ("test", "validation", "train") if parts[part].any())
    noises = task.test_noises if judged == "test" else ()
    evaluation = evaluate(network, table.select(parts[judged]), task.labels, temperature, noises=noises)
    evaluation.save(out)
    card = make_card(
        out,
        task,
        {part: int(mask.sum()) for part, mask in parts.items()},
        speakers,
        course,
        temperature=temperature,
        parameters=model.count_params(),
        evaluated_on=judged,
        evaluation=evaluation.summary(),
        cross_validation=cross_validation,
    )
    (out / CARD_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / CHECKPOINT_FILE).unlink(missing_ok=True)
    return load_bundle(out)


def band_statistics(table: FeatureTable, rows: NDArray[np.int64]) -> tuple[Array, Array]:
    """Mean and deviation of each mel band, `[128]` in dB, over the true frames of some clips of a table."""
    counts = np.zeros((256, front_end.N_MELS))
    bands = np.arange(front_end.N_MELS)
    for row in rows:
        heard = table.levels[row, : table.frames[row]].astype(np.int64)
        flat = np.bincount((heard * front_end.N_MELS + bands).ravel(), minlength=counts.size)
        counts += flat.reshape(counts.shape)
    level = np.maximum(features.from_levels(np.arange(256, dtype=np.uint8)), QUIETEST_CELL_DB)[:, None]
    total = counts.sum(axis=0)
    mean = (counts * level).sum(axis=0) / total
    variance = (counts * np.square(level - mean)).sum(axis=0) / total
    return mean.astype(np.float32), np.sqrt(variance + 1).astype(np.float32)


def _train_network(
    task: Task, parts: dict[str, Mask], out: Path, begun: Bundle | None = None
) -> tuple["keras.Model", dict[str, Any]]:
    """The network, and for the card how the training went."""
    import keras

    from ser_batch.training import large, loop, network

    options, n_classes = task.options, len(task.labels)
    rows = np.flatnonzero(parts["train"])
    auxiliary = auxiliary_targets(task.table, options.auxiliary)
    validation = np.flatnonzero(parts["validation"])
    keras.utils.set_random_seed(options.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if options.mixed_precision else "float32")
    try:
        model = _build(task, frames=None)
        _prepare(model, task, rows, begun)
        taught = network.for_training(
            model, task.teacher, {name: each.shape[1] for name, each in auxiliary.items()}
        )
        encoder = None
        if options.frozen:
            encoder, taught = large.split(taught)
        elif options.mixed_inside:
            taught = large.mixing_behind_encoder(taught)
    finally:
        keras.config.set_dtype_policy(policy)
    encoded = out / ENCODED_FILE
    batches = _encoded_batches(task, rows, encoder, encoded) if encoder else _batches(task, rows, auxiliary)

    def validate() -> dict[str, float]:
        logits, actual = _predict(model, task, validation), task.classes[validation]
        confusion = metrics.confusion_matrix(actual, logits.argmax(axis=1), n_classes)
        return {
            "val_loss": metrics.negative_log_likelihood(logits, actual),
            "val_accuracy": metrics.accuracy(confusion),
            "val_uar": metrics.uar(confusion),
        }

    history, best_epoch = loop.run(
        taught,
        batches,
        validate if len(validation) else None,
        options,
        out / CHECKPOINT_FILE,
        task.identity(parts),
        out.name,
        task.quiet,
    )
    encoded.unlink(missing_ok=True)
    # whatever it was trained in, a network is kept and exported in float32
    plain = _build(task, front_end.N_FRAMES)
    plain.set_weights(model.get_weights())
    if task.encoder and isinstance(options.architecture, LargeArchitecture):
        large.take_back(plain, task.encoder, options.architecture.kept_change)
    save_history(history, out / "history.csv")
    plots.save_curves(history, out / "curves.png")
    seconds = round(sum(row["seconds"] for row in history))
    return plain, {"epochs": len(history), "best_epoch": best_epoch, "seconds": seconds}


def _batches(task: Task, rows: NDArray[np.int64], auxiliary: Mapping[str, Array]) -> Batches:
    options = task.options
    return Batches(
        task.table,
        rows,
        _targets(task, rows),
        _class_weights(task, rows),
        min(options.batch_size, len(rows)),
        options.augmentation,
        options.strengths,
        options.seed,
        options.features,
        task.teacher,
        task.noise.power if task.noise else None,
        auxiliary,
        options.mixed_inside,
    )


def _encoded_batches(
    task: Task, rows: NDArray[np.int64], encoder: "keras.Model", path: Path
) -> EncodedBatches:
    options = task.options
    augmented = options.augmentation == "spectrogram"
    strengths = options.strengths if augmented else Strengths(time_masks=0)
    views = hear(
        encoder.predict_on_batch,
        task.table,
        rows,
        path,
        options.views if augmented else 0,
        strengths,
        options.seed,
        options.features,
        task.noise.power if task.noise else None,
    )
    return EncodedBatches(
        views,
        len(encoder.outputs) - 1,
        _targets(task, rows)[rows],
        _class_weights(task, rows),
        min(options.batch_size, len(rows)),
        strengths,
        options.seed,
    )


def _class_weights(task: Task, rows: NDArray[np.int64]) -> Array:
    n_classes = len(task.labels)
    if task.options.class_weights:
        return balanced_weights(task.classes[rows], n_classes)
    return np.ones(n_classes, np.float32)


def _targets(task: Task, rows: NDArray[np.int64]) -> Array:
    """What the network shall answer for each clip of the table; with a teacher, partly what that finds in it."""
    table, options = task.table, task.options
    targets = soft_targets(table, task.labels, options.votes, options.label_smoothing)
    if task.teacher and options.imitate_labels:
        own = table.select(rows)
        heard = out_of_fold(
            task.teacher.statistics[rows], targets[rows], own.speakers, options.seed, strata_of(own)
        )
        targets[rows] += options.imitate_labels * (heard - targets[rows])
    return targets


def _prepare(model: "keras.Model", task: Task, rows: NDArray[np.int64], begun: Bundle | None) -> None:
    """Give a new network what it is not to learn from the clips' labels; or what another one learned."""
    from ser_batch.training import large, network, whisper

    if begun:
        model.set_weights(network.reopen(begun.path / KERAS_FILE, None, None).get_weights())
    elif task.encoder:
        whisper.load(model, task.encoder)
        some = np.random.default_rng(task.options.seed).permutation(rows)[:STANDARD_CLIPS]
        large.set_standards(model, features.network_input(task.table.log_mel(some), task.options.features))
    elif task.start is None:
        network.set_normaliser(model, *band_statistics(task.table, rows))


def _build(task: Task, frames: int | None) -> "keras.Model":
    """The network as it is begun with; the same layers for any number of frames."""
    from ser_batch.training import large, network

    if task.start is None:
        sizes, kind = task.options.architecture, task.options.features
        if isinstance(sizes, LargeArchitecture):
            return large.build(len(task.labels), sizes, frames, kind)
        return network.build(len(task.labels), sizes, frames, kind)
    n_classes = None if task.start.labels == task.labels else len(task.labels)
    return network.reopen(task.start.path / KERAS_FILE, n_classes, frames)


def _predict(model: "keras.Model", task: Task, rows: NDArray[np.int64]) -> Array:
    """Logits `[clips, n_classes]` of some clips of the task's table, as they are."""
    some = [rows[start : start + PREDICTED_TOGETHER] for start in range(0, len(rows), PREDICTED_TOGETHER)]
    inputs = (features.network_input(task.table.log_mel(few), task.options.features) for few in some)
    return np.concatenate([model.predict_on_batch(each) for each in inputs])


def save_history(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write one row an epoch as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)
