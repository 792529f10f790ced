"""Attributes that a network learns to tell besides, through layers that are not kept."""

from dataclasses import replace

import numpy as np
import pytest

from ser_batch.audio import features
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.errors import UsageError
from ser_batch.training.batches import Batches, auxiliary_targets, soft_targets
from ser_batch.training.division import divide
from ser_batch.training.fitting import _train_network
from ser_batch.training.task import Task

pytest.importorskip("keras")
from ser_batch.training import network

LABELS = ["angry", "neutral", "sad"]


@pytest.fixture
def half_known(table):
    """A corpus that does not know the sex of every second clip's speaker."""
    column = [sex if i % 2 else "" for i, sex in enumerate(table.attributes["sex"])]
    return replace(table, attributes={**table.attributes, "sex": column})


def test_values_are_told_apart_and_unknown_ones_are_none(half_known):
    targets = auxiliary_targets(half_known, ["sex", "fold"])
    assert targets["fold"].shape == (len(half_known), 3)
    assert targets["sex"].sum(axis=1).tolist() == [i % 2 for i in range(len(half_known))]
    female = np.array(half_known.attributes["sex"]) == "female"
    np.testing.assert_array_equal(targets["sex"][:, 0], female)


def test_attributes_that_are_missing_or_constant_are_refused(table):
    with pytest.raises(UsageError, match="no two values of 'level' to tell apart; it has sex, fold, age"):
        auxiliary_targets(table, ["level"])
    with pytest.raises(UsageError, match="no two values of 'sex'"):
        auxiliary_targets(table.where("sex", "male"), ["sex"])


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_unknown_values_have_no_weight(half_known, mixup):
    batches = Batches(
        half_known,
        np.arange(len(half_known)),
        soft_targets(half_known, LABELS, 0, 0),
        np.ones(3, np.float32),
        24,
        "spectrogram",
        Strengths(crops=(), mixup=mixup),
        seed=0,
        auxiliary=auxiliary_targets(half_known, ["sex"]),
    )
    for batch in batches.epoch(0):
        told, weight = batch.targets["sex"], batch.weights["sex"]
        np.testing.assert_allclose(told.sum(axis=1), weight > 0, atol=1e-5)
        assert weight.min() == 0
        assert ((weight > 0.01) & (weight < 0.99)).any() == bool(mixup)


@pytest.mark.slow
def test_a_network_learns_to_tell_them_and_ships_without(table, quick, tmp_path, monkeypatch):
    taught = []
    keep = network.for_training
    monkeypatch.setattr(network, "for_training", lambda *given: taught.append(keep(*given)) or taught[-1])
    mood = ["high" if label == "angry" else "low" for label in table.labels]
    table = replace(table, attributes={**table.attributes, "mood": mood})
    options = replace(quick, auxiliary=("mood", "fold"), auxiliary_weight=1.0, epochs=9, validation=0)
    parts = divide(table, options)
    model, *_ = _train_network(Task(table, options, quiet=True), parts, tmp_path)
    assert model.count_params() == network.build(3, quick.architecture).count_params()
    answers = taught[0].predict_on_batch(features.rotate(table.log_mel(np.flatnonzero(parts["train"]))))
    assert set(answers) == {"logits", "mood", "fold"}
    high = np.array(mood)[parts["train"]] == "high"
    assert ((np.asarray(answers["mood"]).argmax(axis=1) == 0) == high).mean() > 0.75
