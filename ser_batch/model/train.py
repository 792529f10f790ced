"""Training: a feature table in, a bundle out."""

import csv
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model import calibrate, export, metrics, plots, splits
from ser_batch.model.batches import Audio, Batches, balanced_weights, soft_targets
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, Bundle, load_bundle
from ser_batch.model.card import make_card
from ser_batch.model.evaluate import evaluate, logits_of
from ser_batch.model.options import QUIETEST_CELL_DB, TrainOptions
from ser_batch.model.runtime import Network
from ser_batch.model.table import FeatureTable
from ser_batch.model.teacher import Teacher

if TYPE_CHECKING:
    import keras

KERAS_FILE = "model.keras"
CHECKPOINT_FILE = "checkpoint.npz"
FIGURES = ("uar", "accuracy", "macro_f1", "ece")
VERIFIED_CLIPS = 16
PREDICTED_TOGETHER = 64

Mask = NDArray[np.bool_]
Array = NDArray[np.float32]


def fit(
    table: FeatureTable,
    out: str | PathLike[str],
    options: TrainOptions | None = None,
    *,
    audio: Audio | None = None,
    teacher: Teacher | None = None,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
) -> Bundle:
    """Train a network on a corpus and write its bundle.

    With `cross_validate`, one bundle for each held-out fold goes to `out/folds/` first.

    Args:
        table: the corpus.
        out: directory for the bundle; its name becomes the model's.
        options: see there.
        audio: gives the samples of a clip of the table, for `augmentation="waveform"`.
        teacher: to be imitated besides; its rows are the table's.
        resume: go on with an interrupted training in `out`; it ends as if it had not been interrupted.
        quiet: no progress on stderr.
        command: how the training was asked for, to be recorded in the card.

    Raises:
        SerBatchError: too few classes or speakers, `out` holds another training, or cannot be written.
    """
    options, out = options or TrainOptions(), Path(out)
    _check(table, options, audio, teacher)
    _check_folder(out, resume)
    parts, crossed = _split(table, options), None
    if options.cross_validate:
        crossed = _cross_validate(table, out, options, audio, teacher, quiet, command)
    return _fit_one(table, parts, out, options, audio, teacher, quiet, command, crossed)


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


def _check(table: FeatureTable, options: TrainOptions, audio: Audio | None, teacher: Teacher | None) -> None:
    labels = sorted(set(table.labels))
    if len(labels) < 2:
        raise SerBatchError(
            f"{table.corpus} has {len(labels)} emotion ({', '.join(labels)}): training needs two or more."
        )
    if options.augmentation == "waveform" and audio is None:
        raise SerBatchError(
            f"{table.corpus} is a stored table without audio: waveform augmentation needs the corpus's files. "
            "Give the corpus itself, or augment spectrograms."
        )
    if options.augmentation == "waveform" and teacher:
        raise UsageError("A teacher cannot follow changes of the waveform: augment spectrograms.")


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


def _split(table: FeatureTable, options: TrainOptions) -> dict[str, Mask]:
    """Divide the clips into train, validation and test."""
    if options.split == "random":
        shares = {"validation": options.validation, "test": options.test}
        return splits.random_split(len(table), shares, options.seed)
    if options.test_fold is None:
        test = 0 if options.cross_validate else options.test
        return _by_speaker(table, {"validation": options.validation, "test": test}, options.seed)
    folds = _folds(table, options)
    if options.test_fold not in folds:
        raise SerBatchError(f"{table.corpus} has no fold {options.test_fold}; it has {', '.join(folds)}.")
    return _hold_out(table, folds[options.test_fold], options)


def _hold_out(table: FeatureTable, test: Mask, options: TrainOptions) -> dict[str, Mask]:
    """Test on the clips of a mask; take the validation speakers from the others."""
    others = np.flatnonzero(~test)
    inner = _by_speaker(table.select(others), {"validation": options.validation}, options.seed)
    parts = {"test": test}
    for part, chosen in inner.items():
        parts[part] = np.zeros(len(table), bool)
        parts[part][others[chosen]] = True
    return parts


def _by_speaker(table: FeatureTable, shares: Mapping[str, float], seed: int) -> dict[str, Mask]:
    return splits.split_speakers(table.speakers, shares, seed, table.attributes.get("sex"))


def _folds(table: FeatureTable, options: TrainOptions) -> dict[str, Mask]:
    own, sexes = table.attributes.get("fold"), table.attributes.get("sex")
    return splits.speaker_folds(table.speakers, options.folds, options.seed, own, sexes)


def _cross_validate(
    table: FeatureTable,
    out: Path,
    options: TrainOptions,
    audio: Audio | None,
    teacher: Teacher | None,
    quiet: bool,
    command: str,
) -> dict[str, Any]:
    """Train and test once a fold: each fold's figures, their mean and their sample standard deviation."""
    by_fold = {}
    for fold, test in _folds(table, options).items():
        parts = _hold_out(table, test, options)
        bundle = _fit_one(table, parts, out / "folds" / fold, options, audio, teacher, quiet, command)
        by_fold[fold] = {figure: bundle.card["evaluation"][figure] for figure in FIGURES}
    values = {figure: [each[figure] for each in by_fold.values()] for figure in FIGURES}
    return {
        "folds": by_fold,
        "mean": {figure: float(np.mean(each)) for figure, each in values.items()},
        "sd": {figure: float(np.std(each, ddof=1)) for figure, each in values.items()},
    }


def _fit_one(
    table: FeatureTable,
    parts: dict[str, Mask],
    out: Path,
    options: TrainOptions,
    audio: Audio | None,
    teacher: Teacher | None,
    quiet: bool,
    command: str,
    cross_validation: dict[str, Any] | None = None,
) -> Bundle:
    """Train on one division of the clips and write the bundle; the card comes last and makes it complete."""
    if (out / CARD_FILE).exists():
        return load_bundle(out)
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    labels = sorted(set(table.labels))
    classes = np.array([labels.index(label) for label in table.labels])
    model, history, best_epoch = _train_network(
        table, parts, classes, labels, out, options, audio, teacher, quiet
    )

    model.save(out / KERAS_FILE)
    export.export(out / KERAS_FILE, out / NETWORK_FILE, options.weights)
    checked = np.flatnonzero(parts["train"])[:VERIFIED_CLIPS]
    export.verify(out / NETWORK_FILE, table.mfcc(checked), _predict(model, table, checked), options.weights)

    network = Network(out / NETWORK_FILE)
    temperature = 1.0
    if parts["validation"].any():
        validation_logits = logits_of(network, table.select(parts["validation"]))
        temperature = calibrate.fit_temperature(validation_logits, classes[parts["validation"]])
    judged = next(part for part in ("test", "validation", "train") if parts[part].any())
    evaluation = evaluate(network, table.select(parts[judged]), labels, temperature)
    evaluation.save(out)
    save_history(history, out / "history.csv")
    plots.save_curves(history, out / "curves.png")
    card = make_card(
        out,
        table,
        parts,
        labels,
        options,
        temperature=temperature,
        parameters=model.count_params(),
        epochs=len(history),
        best_epoch=best_epoch,
        seconds=time.monotonic() - began,
        evaluated_on=judged,
        evaluation=evaluation.summary(),
        cross_validation=cross_validation,
        teacher=teacher.source if teacher else None,
        command=command,
    )
    (out / CARD_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / CHECKPOINT_FILE).unlink()
    return load_bundle(out)


def _train_network(
    table: FeatureTable,
    parts: dict[str, Mask],
    classes: NDArray[np.int64],
    labels: list[str],
    out: Path,
    options: TrainOptions,
    audio: Audio | None,
    teacher: Teacher | None,
    quiet: bool,
) -> tuple["keras.Model", list[dict[str, float]], int]:
    import keras

    from ser_batch.model import loop, network

    rows = np.flatnonzero(parts["train"])
    validation = np.flatnonzero(parts["validation"])
    keras.utils.set_random_seed(options.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if options.mixed_precision else "float32")
    try:
        model = network.build(len(labels), options.architecture, frames=None)
        taught = network.for_training(model, teacher)
    finally:
        keras.config.set_dtype_policy(policy)
    network.set_normaliser(model, *band_statistics(table, rows))
    batches = Batches(
        table,
        rows,
        soft_targets(table, labels, options.votes, options.label_smoothing),
        balanced_weights(classes[rows], len(labels)) if options.class_weights else np.ones(len(labels), "f"),
        min(options.batch_size, len(rows)),
        options.augmentation,
        options.strengths,
        options.seed,
        audio,
        teacher,
    )

    def validate() -> dict[str, float]:
        logits, actual = _predict(model, table, validation), classes[validation]
        confusion = metrics.confusion_matrix(actual, logits.argmax(axis=1), len(labels))
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
        _identity(table, parts, options, teacher),
        out.name,
        quiet,
    )
    # whatever it was trained in, a network is kept and exported in float32
    plain = network.build(len(labels), options.architecture)
    plain.set_weights(model.get_weights())
    return plain, history, best_epoch


def _predict(model: "keras.Model", table: FeatureTable, rows: NDArray[np.int64]) -> Array:
    """Logits `[clips, n_classes]` of some clips of a table, as they are."""
    some = [rows[start : start + PREDICTED_TOGETHER] for start in range(0, len(rows), PREDICTED_TOGETHER)]
    return np.concatenate([model.predict_on_batch(table.mfcc(few)) for few in some])


def _identity(
    table: FeatureTable, parts: dict[str, Mask], options: TrainOptions, teacher: Teacher | None
) -> dict[str, Any]:
    """What two trainings must share for one to go on with the other's checkpoint, in JSON's types."""
    clips = hashlib.sha256(json.dumps([table.names, table.labels]).encode())
    for part in sorted(parts):
        clips.update(parts[part].tobytes())
    return {
        **json.loads(json.dumps(asdict(options))),
        "clips": clips.hexdigest(),
        "denoise": table.denoise,
        "teacher": teacher.source if teacher else None,
    }


def save_history(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write one row an epoch as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)
