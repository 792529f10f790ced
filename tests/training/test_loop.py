import json
from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")
from ser_batch.audio.augment_spectrogram import Strengths  # noqa: E402
from ser_batch.errors import SerBatchError  # noqa: E402
from ser_batch.training import loop  # noqa: E402
from ser_batch.training.batches import Batches, soft_targets  # noqa: E402
from ser_batch.training.networks.build import build, for_training  # noqa: E402

IDENTITY = {"seed": 0, "clips": "these"}


@pytest.fixture
def train(table, quick, tmp_path):
    batches = Batches(
        table,
        np.arange(64),
        soft_targets(table, ["angry", "neutral", "sad"], 0, 0.05),
        np.ones(3, np.float32),
        replace(quick, batch_size=16, augmentation=Strengths(crops=(96,))),
    )

    def run(validate, folder="checkpoints", identity=IDENTITY, **changes):
        keras.utils.set_random_seed(0)
        model = for_training(build(quick, 3, frames=96))
        checkpoint = tmp_path / folder / "checkpoint-1.npz"
        checkpoint.parent.mkdir(exist_ok=True)
        options = replace(quick, **{"epochs": 4, **changes})
        history, best = loop.run(model, batches, validate, options, 0, checkpoint, identity, quiet=True)
        return model.get_weights(), history, best

    return run


def losses(*values):
    """Validation that gives these losses in turn, and is interrupted by None."""
    left = list(values)

    def validate():
        value = left.pop(0)
        if value is None:
            raise KeyboardInterrupt
        return {"val_loss": value, "val_accuracy": 0.5, "val_uar": 0.5}

    return validate


@pytest.mark.slow
def test_a_resumed_training_ends_like_an_undisturbed_one(train):
    whole, history, best = train(losses(1.2, 0.8, 1.0, 0.9), "whole")
    with pytest.raises(KeyboardInterrupt):
        train(losses(1.2, 0.8, None), "halves")
    resumed, resumed_history, resumed_best = train(losses(1.0, 0.9), "halves")
    assert best == resumed_best == 2
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    for row in (*history, *resumed_history):
        del row["seconds"]
    np.testing.assert_allclose(
        [list(row.values()) for row in history], [list(row.values()) for row in resumed_history], rtol=1e-4
    )


def test_a_checkpoint_of_another_training_is_refused(train):
    with pytest.raises(KeyboardInterrupt):
        train(losses(1.2, None))
    with pytest.raises(SerBatchError, match="another clips"):
        train(losses(1.2), identity={**IDENTITY, "clips": "others"})


def test_training_stops_when_validation_gets_no_better(train):
    _, history, best = train(losses(0.5, 0.6, 0.4), patience=1)
    assert (len(history), best) == (2, 1)


def test_history_is_json(train):
    _, history, best = train(None, epochs=2)
    assert best == 2 == len(history)
    assert set(json.loads(json.dumps(history))[0]) == {
        "epoch",
        "learning_rate",
        "accuracy",
        "loss",
        "seconds",
    }
