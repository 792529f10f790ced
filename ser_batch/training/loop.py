"""Training loop: epochs of optimizer steps, validation, averaged weights, checkpoints."""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError
from ser_batch.training.batches import Batches
from ser_batch.training.encoded_batches import EncodedBatches
from ser_batch.training.networks.whisper_classifier import HEAD, learning_rate_share
from ser_batch.training.optimizer import LayerwiseAdamW
from ser_batch.training.options import TrainOptions

WARM_UP_SHARE = 0.1
GRADIENT_NORM = 2.0

Array = NDArray[np.float32]
Row = dict[str, float]
# figures of the network's current weights: val_loss, val_accuracy, val_uar
Validate = Callable[[], Row]


@dataclass
class State:
    """State of a training beside the network and its optimizer."""

    history: list[Row]
    average: list[Array]
    best: list[Array]
    best_epoch: int

    best_loss: float = math.inf

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    def add(self, row: Row) -> None:
        """Add an epoch; the best has the lowest validation loss, without validation it is the latest.

        The UAR of a few validation speakers would vary too much from epoch to epoch.
        """
        self.history.append(row)
        loss = row.get("val_loss", -math.inf)
        if loss <= self.best_loss:
            self.best_loss = loss
            self.best, self.best_epoch = [array.copy() for array in self.average], self.epoch


def run(
    model: keras.Model,
    batches: Batches | EncodedBatches,
    validate: Validate | None,
    options: TrainOptions,
    seed: int,
    checkpoint: Path,
    identity: dict[str, Any],
    title: str = "",
    quiet: bool = False,
) -> tuple[list[Row], int]:
    """Train a network, or resume it from a checkpoint; the best averaged weights are kept.

    Weights are averaged exponentially over the steps, the statistics of batch norm included: averaged weights do not
    fit the latest statistics. Without `validate` the last average is kept.

    Args:
        model: as `ser_batch.training.networks.build.for_training` makes it.
        batches: of the training clips.
        validate: measures the network on the validation speakers.
        options: of the stage.
        seed: of dropout.
        checkpoint: file, written after each epoch.
        identity: options and clips, which must be those of the checkpoint.
        title: of the progress bar.
        quiet: draw no progress bar.

    Returns:
        One row an epoch, as in `history.csv`; and the epoch that was kept.

    Raises:
        SerBatchError: the checkpoint was made with other options or clips.
    """
    from tqdm import tqdm

    _compile(model, options, steps=len(batches))
    state = State([], model.get_weights(), model.get_weights(), 0)
    if checkpoint.exists():
        state = _restore(model, checkpoint, identity)
    steps = len(batches)
    with tqdm(
        total=options.epochs * steps,
        initial=state.epoch * steps,
        desc=title,
        unit="batch",
        disable=True if quiet else None,
    ) as bar:
        while state.epoch < options.epochs and state.epoch - state.best_epoch < options.patience:
            started = time.monotonic()
            row = {
                "epoch": state.epoch + 1,
                **_train_epoch(model, batches, state, options.average, seed, bar),
                "learning_rate": float(ops.convert_to_numpy(model.optimizer.learning_rate)),
                **_validate_average(model, state.average, validate),
                "seconds": round(time.monotonic() - started, 1),
            }
            state.add(row)
            _save(model, state, checkpoint, identity)
            if not quiet:
                tqdm.write(_line(title, row, options.epochs), file=sys.stderr)
    model.set_weights(state.best)
    return state.history, state.best_epoch


def _train_epoch(
    model: keras.Model, batches: Batches | EncodedBatches, state: State, decay: float, seed: int, bar: Any
) -> dict[str, float]:
    """One step a batch; the epoch's mean loss and accuracy."""
    # dropout draws from the backend's generator: a resumed epoch must draw the same numbers
    keras.utils.set_random_seed(seed + state.epoch)
    totals = {"loss": 0.0, "accuracy": 0.0}
    means: Row = {}
    for seen, batch in enumerate(batches.epoch(state.epoch), start=1):
        targets = {name: batch.targets[_target_of(name)] for name in model.output}
        weights = {name: batch.weights[_target_of(name)] for name in model.output}
        # Keras warns about a list of one input
        inputs = batch.inputs[0] if len(batch.inputs) == 1 else batch.inputs
        figures = model.train_on_batch(inputs, targets, weights, return_dict=True)
        # with several outputs Keras puts the output's name before the metric's
        accuracy = figures.get("logits_accuracy", figures.get("accuracy"))
        totals["loss"] += float(figures["loss"])
        totals["accuracy"] += float(accuracy)
        means = {name: total / seen for name, total in totals.items()}
        step = state.epoch * len(batches) + seen
        _average(state.average, model.get_weights(), min(decay, (1 + step) / (10 + step)))
        bar.update()
        shown = {**means, **({"val_loss": state.best_loss} if state.history else {})}
        bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()})
    return means


def _compile(model: keras.Model, options: TrainOptions, steps: int) -> None:
    warm_up = max(1, int(WARM_UP_SHARE * options.epochs * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=options.learning_rate / 100,
        warmup_target=options.learning_rate,
        warmup_steps=warm_up,
        decay_steps=max(1, options.epochs * steps - warm_up),
    )
    not_decayed: list[Any] = []
    usual = {"weight_decay": options.weight_decay, "beta_2": 0.99, "global_clipnorm": GRADIENT_NORM}
    if options.network == "whisper":
        share = partial(learning_rate_share, options=options.encoder)
        optimizer = LayerwiseAdamW(schedule, share, **usual)
        # weight decay would draw the pretrained weights towards zero
        not_decayed = [variable for variable in model.trainable_variables if share(variable.path) < 1]
    else:
        optimizer = keras.optimizers.AdamW(schedule, **usual)
    optimizer.exclude_from_weight_decay(not_decayed, ["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    heads = [name for name in model.output if _target_of(name) != name]
    cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    losses = {
        # each head has its own loss; their mean has none
        "logits": (cross_entropy, 0.0 if heads else 1.0),
        **{head: (cross_entropy, 1 / len(heads)) for head in heads},
        "frames": (keras.losses.MeanSquaredError(), options.distillation.frames),
        "clip": (keras.losses.MeanSquaredError(), options.distillation.clip),
    }
    model.compile(
        optimizer,
        loss={name: losses[name][0] for name in model.output},
        loss_weights={name: losses[name][1] for name in model.output},
        metrics={"logits": [keras.metrics.CategoricalAccuracy(name="accuracy")]},
        jit_compile=False,
    )


def _target_of(output: str) -> str:
    """The name of an output's targets: those of a head are those of the logits."""
    return "logits" if output.startswith(HEAD) else output


def _average(average: list[Array], weights: list[Array], decay: float) -> None:
    for mean, weight in zip(average, weights, strict=True):
        mean += (1 - decay) * (weight - mean)


def _validate_average(model: keras.Model, average: list[Array], validate: Validate | None) -> Row:
    if validate is None:
        return {}
    running = model.get_weights()
    model.set_weights(average)
    row = validate()
    model.set_weights(running)
    return row


def _save(model: keras.Model, state: State, checkpoint: Path, identity: dict[str, Any]) -> None:
    arrays = {
        "variable": [ops.convert_to_numpy(variable) for variable in model.variables],
        "optimizer": [ops.convert_to_numpy(variable) for variable in model.optimizer.variables],
        "average": state.average,
        "best": state.best,
    }
    about = {
        "identity": identity,
        "history": state.history,
        "best_epoch": state.best_epoch,
        "best_loss": state.best_loss,
    }
    partial = checkpoint.with_name(checkpoint.name + ".partial")
    with partial.open("wb") as file:
        np.savez(
            file,
            about=np.array(json.dumps(about)),
            **{f"{kind}_{i}": array for kind, each in arrays.items() for i, array in enumerate(each)},
        )
    partial.replace(checkpoint)


def _restore(model: keras.Model, checkpoint: Path, identity: dict[str, Any]) -> State:
    with np.load(checkpoint) as stored:
        about = json.loads(str(stored["about"]))
        changed = [name for name, value in identity.items() if about["identity"].get(name) != value]
        if changed:
            raise SerBatchError(
                f"{checkpoint}: from a training with another {', '.join(changed)}: "
                "repeat that command, or remove the folder to start again"
            )
        for kind, variables in (("variable", model.variables), ("optimizer", model.optimizer.variables)):
            for i, variable in enumerate(variables):
                variable.assign(stored[f"{kind}_{i}"])
        weights = range(len(model.weights))
        return State(
            about["history"],
            [stored[f"average_{i}"] for i in weights],
            [stored[f"best_{i}"] for i in weights],
            about["best_epoch"],
            about["best_loss"],
        )


def _line(title: str, row: Row, epochs: int) -> str:
    figures = " ".join(
        f"{name} {row[name]:.3f}"
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar")
        if name in row
    )
    return f"{title} epoch {row['epoch']:.0f}/{epochs}: {figures} ({row['seconds']:.0f} s)".strip()
