import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from ser_batch.audio import features, front_end
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.options import QUIETEST_CELL_DB, TrainOptions
from ser_batch.model.runtime import Network
from ser_batch.model.table import FeatureTable
from ser_batch.model.train import _split, band_statistics, fit

FILES = [
    *("model.tflite", "model.keras", "card.json", "history.csv", "curves.png", "metrics.json"),
    *("confusion.png", "confusion.csv", "predictions.csv", "reliability.png"),
]


def test_training_writes_the_whole_bundle_and_nothing_else(bundle, quick):
    assert sorted(file.name for file in bundle.path.iterdir()) == sorted(FILES)
    assert bundle.labels == ["angry", "neutral", "sad"]
    with (bundle.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == quick.epochs
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_card_tells_how_the_model_came_about(bundle, table, quick):
    card = json.loads((bundle.path / "card.json").read_text())
    assert card == bundle.card
    assert card["front_end"] == front_end.FRONT_END
    assert card["command"] == "ser-batch train toy.npz -o toy"
    assert card["training"]["options"]["epochs"] == quick.epochs
    assert card["evaluation"]["on"] == "1 test speakers of toy, never heard in training"
    assert card["evaluation"]["clips"] == 18 == card["training"]["clips"]["test"]
    speakers = card["training"]["speakers"]
    assert sorted([*speakers["train"], *speakers["validation"], *speakers["test"]]) == sorted(
        set(table.speakers)
    )


def test_what_is_easy_is_learned(bundle):
    assert bundle.card["evaluation"]["uar"] > 0.6


def test_the_exported_network_computes_what_keras_does(bundle, table):
    import keras

    from ser_batch.model import network  # noqa: F401

    model = keras.models.load_model(bundle.path / "model.keras", compile=False)
    exported = Network(bundle.network_path)
    some = table.mfcc(np.arange(0, len(table), 9))
    logits = np.stack([exported(clip) for clip in some])
    np.testing.assert_allclose(logits, model.predict_on_batch(some), atol=1e-4 * np.abs(logits).max())


def test_predictions_are_those_of_the_exported_network_without_augmentation(bundle, table):
    with (bundle.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    network = Network(bundle.network_path)
    for row in rows[::4]:
        clip = table.names.index(row["file"])
        assert row["actual"] == table.labels[clip]
        logits = network(table.mfcc(slice(clip, clip + 1))[0])
        assert row["predicted"] == bundle.labels[logits.argmax()]


def test_the_normaliser_knows_training_speakers_only(bundle, table):
    import keras

    from ser_batch.model import network  # noqa: F401

    model = keras.models.load_model(bundle.path / "model.keras", compile=False)
    mean, deviation = model.get_layer("normalise").get_weights()
    taught = np.isin(table.speakers, bundle.card["training"]["speakers"]["train"])
    expected = band_statistics(table, np.flatnonzero(taught))
    np.testing.assert_allclose(mean, expected[0], rtol=1e-6)
    np.testing.assert_allclose(deviation, expected[1], rtol=1e-6)
    heard = np.concatenate(
        [features.from_levels(table.levels[i, : table.frames[i]]) for i in np.flatnonzero(taught)]
    )
    heard = np.maximum(heard, QUIETEST_CELL_DB)
    np.testing.assert_allclose(mean, heard.mean(axis=0), atol=1e-2)
    assert np.abs(mean - band_statistics(table, np.arange(len(table)))[0]).max() > 0.1


@pytest.mark.parametrize(
    "options",
    [
        TrainOptions(),
        TrainOptions(test=0),
        TrainOptions(test_fold="2"),
        TrainOptions(cross_validate=True),
        TrainOptions(validation=0, test=0.5),
    ],
)
def test_speakers_are_disjoint_however_they_are_split(table, options):
    parts = _split(table, options)
    whose = {part: set(np.array(table.speakers)[mask]) for part, mask in parts.items()}
    assert sum(map(len, whose.values())) == len(set(table.speakers))
    assert np.array_equal(sum(mask.astype(int) for mask in parts.values()), np.ones(len(table)))
    assert bool(whose["validation"]) == (options.validation > 0)
    if options.test_fold:
        assert whose["test"] == {"cyd", "dan"}
    if options.cross_validate or not options.test:
        assert not whose["test"]


def test_an_unknown_fold_is_refused(table):
    with pytest.raises(SerBatchError, match="no fold 9; it has 1, 2, 3"):
        _split(table, TrainOptions(test_fold="9"))


def test_a_folder_with_a_model_is_not_overwritten(bundle, table, quick):
    with pytest.raises(SerBatchError, match="holds a model already"):
        fit(table, bundle.path, quick, quiet=True)
    assert fit(table, bundle.path, quick, resume=True, quiet=True) == bundle


def test_an_unfinished_training_is_not_overwritten(table, tmp_path, quick):
    (tmp_path / "checkpoint.npz").touch()
    with pytest.raises(SerBatchError, match="unfinished training: resume it"):
        fit(table, tmp_path, quick, quiet=True)


def test_hopeless_corpora_are_refused(tmp_path, quick, make_table):
    table = make_table(2)
    with pytest.raises(SerBatchError, match="1 emotion"):
        fit(table.where("label", "sad"), tmp_path / "a", quick, quiet=True)
    with pytest.raises(SerBatchError, match="need at least 3, found 1"):
        fit(table.where("speaker", "ada"), tmp_path / "b", quick, quiet=True)
    with pytest.raises(SerBatchError, match="without audio"):
        fit(table, tmp_path / "c", replace(quick, augmentation="waveform"), quiet=True)
    (tmp_path / "file").touch()
    with pytest.raises(SerBatchError, match="cannot be written"):
        fit(table, tmp_path / "file" / "model", quick, quiet=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"augmentation": "more"},
        {"split": "clip"},
        {"weights": "int4"},
        {"cross_validate": True, "test_fold": "1"},
    ],
)
def test_senseless_options_are_refused(wrong):
    with pytest.raises(UsageError):
        TrainOptions(**wrong)


@pytest.mark.slow
def test_cross_validation_leaves_a_bundle_for_each_fold(table, tmp_path, quick):
    options = replace(quick, cross_validate=True, epochs=2, weights="int8")
    bundle = fit(table, tmp_path / "crossed", options, quiet=True)
    crossed = bundle.card["cross_validation"]
    assert list(crossed["folds"]) == ["1", "2", "3"]
    for fold in crossed["folds"]:
        card = json.loads((bundle.path / "folds" / fold / "card.json").read_text())
        held_out = set(table.where("fold", fold).speakers)
        assert set(card["training"]["speakers"]["test"]) == held_out
        assert crossed["folds"][fold]["uar"] == card["evaluation"]["uar"]
    uars = [row["uar"] for row in crossed["folds"].values()]
    assert crossed["mean"]["uar"] == pytest.approx(np.mean(uars))
    assert crossed["sd"]["uar"] == pytest.approx(np.std(uars, ddof=1))
    assert not bundle.card["training"]["speakers"]["test"]


@pytest.mark.slow
def test_the_random_split_is_named_a_leak(table, tmp_path, quick):
    bundle = fit(table, tmp_path / "leaky", replace(quick, split="random", epochs=1), quiet=True)
    assert "LEAK" in bundle.card["evaluation"]["on"]


@pytest.mark.slow
def test_real_clips_are_learned_better_than_chance(corpora, tmp_path):
    """Twelve of CREMA-D's actors, four epochs: far from good, but more than a broken pipeline reaches."""
    from models.import_crema_d import import_table

    whole: FeatureTable = import_table(corpora / "crema-d")
    few = whole.select(np.isin(whole.speakers, sorted(set(whole.speakers))[:12]))
    bundle = fit(few, tmp_path / "few", TrainOptions(epochs=4), quiet=True)
    assert bundle.card["evaluation"]["uar"] > 1 / 6
