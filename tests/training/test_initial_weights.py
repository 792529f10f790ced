"""Trainings that start from a model: weights, card and evaluation."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from ser_batch.errors import SerBatchError, UsageError
from ser_batch.evaluation.evaluate import seen_speakers
from ser_batch.model.bundle import load_bundle
from ser_batch.training.card import recorded_options
from ser_batch.training.fitting import train_network
from ser_batch.training.job import Job
from ser_batch.training.options import ClassifierSizes, CnnSizes, HoldOut
from ser_batch.training.splits import split
from ser_batch.training.train import fit

keras = pytest.importorskip("keras")
from ser_batch.training.networks.build import build, copy_weights  # noqa: E402


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
    reopened = build(recorded_options(bundle), 3, frames=None)
    copy_weights(reopened, bundle.path / "model.keras")
    np.testing.assert_array_equal(reopened.predict_on_batch(bands), trained.predict_on_batch(bands))
    assert reopened.predict_on_batch(bands[:, :100]).shape == (4, 3)


def test_for_other_labels_the_last_layer_alone_is_new(bundle, trained):
    keras.utils.set_random_seed(0)
    reopened = build(recorded_options(bundle), 5)
    copy_weights(reopened, bundle.path / "model.keras", output_too=False)
    assert reopened.output_shape == (None, 5)
    for one, other in zip(reopened.layers[:-1], trained.layers[:-1], strict=True):
        for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert reopened.get_layer("logits").get_weights()[0].std() > 0


def test_files_that_hold_no_network_or_code_are_refused(tmp_path, quick):
    model = build(quick, 3)
    (tmp_path / "text.keras").write_text("no network")
    inputs = keras.Input((188, 128))
    code = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    code.save(tmp_path / "code.keras")
    for name in ("text.keras", "code.keras", "nothing.keras"):
        with pytest.raises(SerBatchError, match=rf"{name}: Keras cannot open it"):
            copy_weights(model, tmp_path / name)


def trained_by(job, folder):
    """The network after a training, without export and card."""
    return train_network(job, split(job.table, job.hold_out, job.seed), folder)[0]


def test_a_training_starts_from_the_weights_of_the_model(bundle, trained, table, quick, tmp_path):
    options = replace(quick, epochs=1, learning_rate=1e-9, weight_decay=0)
    model = trained_by(Job(table, (options,), start=bundle, quiet=True), tmp_path)
    for one, other in zip(model.trainable_weights, trained.trainable_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_options_are_read_from_a_card(bundle, quick):
    options = replace(quick, cnn=CnnSizes(stem=9, widths=(7,)), classifier=ClassifierSizes(heads=3))
    recorded = {"recipe": {"stages": [json.loads(json.dumps(asdict(options)))]}}
    assert recorded_options(replace(bundle, card={"training": recorded})) == options
    with pytest.raises(UsageError, match="records no recipe"):
        recorded_options(replace(bundle, card={"training": {}}))


def test_another_corpus_keeps_the_normaliser(bundle, trained, elsewhere, quick, tmp_path):
    model = trained_by(Job(elsewhere, (replace(quick, epochs=1),), start=bundle, quiet=True), tmp_path)
    now, before = (each.get_layer("normalise").get_weights() for each in (model, trained))
    np.testing.assert_array_equal(now, before)
    assert model.output_shape == (None, 3)
    assert (model.get_layer("logits").get_weights()[0] != trained.get_layer("logits").get_weights()[0]).all()


@pytest.mark.slow
def test_the_card_names_the_initial_model_and_its_speakers(bundle, table, quick, tmp_path):
    known = bundle.card["training"]["speakers"]["train"][:3]
    theirs = table.select(np.isin(table.speakers, known))
    options = replace(quick, epochs=1, cnn=CnnSizes(), features="logmel")
    second = fit(Job(theirs, (options,), start=bundle, quiet=True), tmp_path / "second")
    training, before = (each.card["training"] for each in (second, bundle))
    stages, stages_before = (each["recipe"]["stages"] for each in (training, before))
    assert second.features == "mfcc" == stages[0]["features"]
    assert stages[0]["cnn"] == stages_before[0]["cnn"]
    assert second.card["parameters"] == bundle.card["parameters"]
    assert training["start"]["sha256"] == bundle.sha256
    assert "1 of whom its initial model was trained on" in second.card["evaluation"]["on"]
    assert seen_speakers(second.card) == seen_speakers(bundle.card)


def test_a_recipe_for_another_network_is_refused(bundle, table, quick, tmp_path):
    with pytest.raises(UsageError, match="its network is cnn, the recipe's is whisper"):
        fit(Job(table, (replace(quick, network="whisper"),), start=bundle, quiet=True), tmp_path / "both")


@pytest.mark.slow
def test_each_fold_starts_from_the_network_of_the_same_fold(table, quick, tmp_path):
    options = replace(quick, epochs=1)
    first = fit(Job(table, (options,), HoldOut(cross_validate=True), quiet=True), tmp_path / "first")
    unchanged = replace(options, learning_rate=1e-9, weight_decay=0)
    job = Job(table, (unchanged,), HoldOut(cross_validate=True), start=first, quiet=True)
    second = fit(job, tmp_path / "second")
    for fold in ("1", "2", "3"):
        bundles = [load_bundle(each.path / "folds" / fold) for each in (first, second)]
        assert bundles[1].card["training"]["start"]["sha256"] == bundles[0].sha256
        assert bundles[1].card["evaluation"]["on"].endswith("not in training")
