"""Trainings that begin with a model: what is kept of it, and what its card and its evaluation say of that."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from ser_batch.errors import SerBatchError, UsageError
from ser_batch.training.card import taught_voices
from ser_batch.training.division import divide
from ser_batch.training.fitting import _train_network
from ser_batch.training.options import Architecture, LargeArchitecture, recorded_architecture
from ser_batch.training.task import Task
from ser_batch.training.train import fit

keras = pytest.importorskip("keras")
from ser_batch.training import network  # noqa: E402


@pytest.fixture(scope="module")
def trained(bundle):
    return keras.models.load_model(bundle.path / "model.keras", compile=False)


@pytest.fixture(scope="module")
def elsewhere(make_table):
    """Another corpus: other speakers, and one label of its own."""
    table = make_table(4, ("gus", "hal", "ivy"), seed=5)
    return replace(
        table, corpus="elsewhere", labels=["calm" if label == "sad" else label for label in table.labels]
    )


def test_a_reopened_network_answers_as_before_whatever_the_length(bundle, trained, table):
    bands = table.log_mel(np.arange(4))
    reopened = network.reopen(bundle.path / "model.keras", None, frames=None)
    np.testing.assert_array_equal(reopened.predict_on_batch(bands), trained.predict_on_batch(bands))
    assert reopened.predict_on_batch(bands[:, :100]).shape == (4, 3)


def test_for_other_labels_the_last_layer_alone_is_new(bundle, trained):
    keras.utils.set_random_seed(0)
    reopened = network.reopen(bundle.path / "model.keras", 5)
    assert reopened.output_shape == (None, 5)
    for one, other in zip(reopened.layers[:-1], trained.layers[:-1], strict=True):
        for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert reopened.get_layer("logits").get_weights()[0].std() > 0


def test_files_that_hold_no_network_or_code_are_refused(tmp_path):
    (tmp_path / "text.keras").write_text("no network")
    inputs = keras.Input((188, 128))
    code = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    code.save(tmp_path / "code.keras")
    for name in ("text.keras", "code.keras", "nothing.keras"):
        with pytest.raises(SerBatchError, match=rf"{name}: Keras cannot open it"):
            network.reopen(tmp_path / name, 3)


def begun(task, folder):
    """The network that a training ends with, without export and card."""
    parts = divide(task.table, task.options)
    return _train_network(task, parts, folder)[0]


def test_a_training_goes_on_from_the_model(bundle, trained, table, quick, tmp_path):
    options = replace(quick, epochs=1, learning_rate=1e-9, weight_decay=0)
    model = begun(Task(table, options, start=bundle, quiet=True), tmp_path)
    for one, other in zip(model.trainable_weights, trained.trainable_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("sizes", [Architecture(stem=9, widths=(7,)), LargeArchitecture(heads=3)])
def test_sizes_are_read_from_a_card(sizes):
    options = json.loads(json.dumps({"architecture": asdict(sizes)}))
    assert recorded_architecture({"training": {"options": options}}) == sizes


def test_another_corpus_keeps_the_normaliser(bundle, trained, elsewhere, quick, tmp_path):
    model = begun(Task(elsewhere, replace(quick, epochs=1), start=bundle, quiet=True), tmp_path)
    now, before = (each.get_layer("normalise").get_weights() for each in (model, trained))
    np.testing.assert_array_equal(now, before)
    assert model.output_shape == (None, 3)
    assert (model.get_layer("logits").get_weights()[0] != trained.get_layer("logits").get_weights()[0]).all()


@pytest.mark.slow
def test_the_card_tells_what_was_begun_with_and_whom_that_knew(bundle, table, quick, tmp_path):
    known = bundle.card["training"]["speakers"]["train"][:3]
    theirs = table.select(np.isin(table.speakers, known))
    options = replace(quick, epochs=1, architecture=Architecture(), features="logmel")
    second = fit(Task(theirs, options, start=bundle, quiet=True), tmp_path / "second")
    training, before = (each.card["training"] for each in (second, bundle))
    assert second.features == "mfcc" == training["options"]["features"]
    assert training["options"]["architecture"] == before["options"]["architecture"]
    assert second.card["parameters"] == bundle.card["parameters"]
    assert training["start"]["sha256"] == bundle.sha256
    assert "1 of whom the model that this one began with was trained on" in second.card["evaluation"]["on"]
    assert taught_voices(second.card) == taught_voices(bundle.card)


def test_what_cannot_be_begun_with_a_model_is_refused(bundle, table, quick, tmp_path):
    with pytest.raises(UsageError, match="not with both"):
        fit(Task(table, quick, start=bundle, encoder=tmp_path, quiet=True), tmp_path / "both")
    with pytest.raises(UsageError, match="float32"):
        fit(Task(table, replace(quick, mixed_precision=True), start=bundle, quiet=True), tmp_path / "mixed")
