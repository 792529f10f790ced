import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ser_batch.audio import features, front_end
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.noise import Noise
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.evaluation import calibration, metrics
from ser_batch.evaluation.evaluate import evaluate_bundle
from ser_batch.evaluation.terminal_tables import card_tables
from ser_batch.model.bundle import load_bundle, sha256_of
from ser_batch.model.runtime import Network, softmax
from ser_batch.training.cross_validation import over_folds
from ser_batch.training.export import export
from ser_batch.training.fitting import train_network
from ser_batch.training.job import Job
from ser_batch.training.options import HoldOut, NoiseFloorOptions, TrainOptions
from ser_batch.training.splits import split
from ser_batch.training.statistics import band_statistics, pause_spectrum
from ser_batch.training.train import fit

STREET = Noise("street", np.random.default_rng(0).normal(size=(3, 48_000)).astype(np.float32))
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
    assert card["front_end"] == {**front_end.FRONT_END, "features": "mfcc"}
    assert card["command"] == "ser-batch train toy.npz -o toy"
    assert card["training"]["recipe"]["stages"][0]["epochs"] == quick.epochs
    assert card["evaluation"]["on"] == "1 test speakers of toy, not in training"
    assert card["evaluation"]["clips"] == 18 == card["training"]["clips"]["test"]
    speakers = card["training"]["speakers"]
    assert sorted([*speakers["train"], *speakers["validation"], *speakers["test"]]) == sorted(
        set(table.speakers)
    )


def test_what_is_easy_is_learned(bundle):
    assert bundle.card["evaluation"]["uar"] > 0.6


def test_the_exported_network_computes_what_keras_does(bundle, table):
    import keras

    from ser_batch.training.networks import build  # noqa: F401

    model = keras.models.load_model(bundle.path / "model.keras", compile=False)
    exported = Network(bundle.network_path)
    bands = table.log_mel(np.arange(0, len(table), 9))
    logits = np.stack([exported(clip) for clip in bands])
    expected = model.predict_on_batch(features.rotate(bands))
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(logits).max())


@pytest.mark.slow
def test_a_network_on_log_mel_answers_like_one_on_mfccs(bundle, table, quick, tmp_path):
    """The same weights without the rotation back, through card, runtime and evaluation."""
    import keras

    from ser_batch.training.networks import cnn, layers

    trained = keras.models.load_model(bundle.path / "model.keras", compile=False)
    plain = cnn.build(3, quick.cnn, NoiseFloorOptions(), features="logmel")
    plain.set_weights(trained.get_weights())
    assert not any(isinstance(layer, layers.InverseDCT) for layer in plain.layers)
    plain.save(tmp_path / "model.keras")
    export(tmp_path / "model.keras", tmp_path / "model.tflite")
    card = {**bundle.card, "sha256": sha256_of(tmp_path / "model.tflite")}
    card["front_end"] = {**front_end.FRONT_END, "features": "logmel"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    one, other = (evaluate_bundle(each, table).logits for each in (bundle, load_bundle(tmp_path)))
    np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(one).max())


def test_predictions_are_those_of_the_exported_network_without_augmentation(bundle, table):
    with (bundle.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    network = Network(bundle.network_path)
    for row in rows[::4]:
        clip = table.names.index(row["file"])
        assert row["actual"] == table.labels[clip]
        logits = network(table.log_mel(slice(clip, clip + 1))[0])
        assert row["predicted"] == bundle.labels[logits.argmax()]


def test_the_normaliser_knows_training_speakers_only(bundle, table):
    import keras

    from ser_batch.training.networks import build  # noqa: F401

    model = keras.models.load_model(bundle.path / "model.keras", compile=False)
    mean, deviation = model.get_layer("normalise").get_weights()
    taught = np.isin(table.speakers, bundle.card["training"]["speakers"]["train"])
    spectrum = pause_spectrum(table, np.flatnonzero(taught))
    np.testing.assert_allclose(model.get_layer("noise_floor").get_weights()[0], spectrum, rtol=1e-6)
    expected = band_statistics(table, np.flatnonzero(taught), spectrum)
    np.testing.assert_allclose(mean, expected[0], rtol=1e-6)
    np.testing.assert_allclose(deviation, expected[1], rtol=1e-6)
    assert np.abs(mean - band_statistics(table, np.arange(len(table)), spectrum)[0]).max() > 0.1


@pytest.mark.parametrize(
    "hold_out",
    [
        HoldOut(),
        HoldOut(test=0),
        HoldOut(test_fold="2"),
        HoldOut(cross_validate=True),
        HoldOut(validation=0, test=0.5),
    ],
)
def test_speakers_are_disjoint_however_they_are_split(table, hold_out):
    parts = split(table, hold_out, seed=0)
    whose = {part: set(np.array(table.speakers)[mask]) for part, mask in parts.items()}
    assert sum(map(len, whose.values())) == len(set(table.speakers))
    assert np.array_equal(sum(mask.astype(int) for mask in parts.values()), np.ones(len(table)))
    assert bool(whose["validation"]) == (hold_out.validation > 0)
    if hold_out.test_fold:
        assert whose["test"] == {"cyd", "dan"}
    if hold_out.cross_validate or not hold_out.test:
        assert not whose["test"]


def test_an_unknown_fold_is_refused(table):
    with pytest.raises(SerBatchError, match="no fold 9: choose among 1, 2, 3"):
        split(table, HoldOut(test_fold="9"), seed=0)


def test_a_folder_with_a_model_is_not_overwritten(bundle, table, quick):
    with pytest.raises(SerBatchError, match="holds a model already"):
        fit(Job(table, (quick,), quiet=True), bundle.path)
    assert fit(Job(table, (quick,), quiet=True), bundle.path, resume=True) == bundle


def test_an_unfinished_training_is_not_overwritten(table, tmp_path, quick):
    (tmp_path / "checkpoint-1.npz").touch()
    with pytest.raises(SerBatchError, match="unfinished training: resume it"):
        fit(Job(table, (quick,), quiet=True), tmp_path)


def test_hopeless_corpora_are_refused(tmp_path, quick, make_table):
    table = make_table(2)
    with pytest.raises(SerBatchError, match="1 emotion"):
        fit(Job(table.where("label", "sad"), (quick,), quiet=True), tmp_path / "a")
    with pytest.raises(SerBatchError, match="need at least 3, found 1"):
        fit(Job(table.where("speaker", "ada"), (quick,), quiet=True), tmp_path / "b")
    with pytest.raises(SerBatchError, match="has no audio"):
        fit(Job(table, (replace(quick, augment="waveform"),), quiet=True), tmp_path / "c")
    (tmp_path / "file").touch()
    with pytest.raises(SerBatchError, match="cannot be written"):
        fit(Job(table, (quick,), quiet=True), tmp_path / "file" / "model")


@pytest.mark.parametrize(
    "wrong",
    [
        {"augment": "more"},
        {"network": "rnn"},
        {"weights": "int4"},
        {"features": "mel"},
        {"epochs": 0},
        {"votes": 1.5},
    ],
)
def test_invalid_options_are_refused(wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} = "):
        TrainOptions(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"test": 1.0}, {"validation": -0.1}, {"folds": 1}, {"cross_validate": True, "test_fold": "1"}]
)
def test_invalid_hold_outs_are_refused(wrong):
    with pytest.raises(UsageError, match="--"):
        HoldOut(**wrong)


@pytest.mark.slow
def test_the_card_says_what_the_network_takes_and_what_noise_it_heard(table, tmp_path, quick):
    options = replace(quick, epochs=1, features="logmel")
    bundle = fit(Job(table, (options,), noise=STREET, quiet=True), tmp_path / "mel")
    assert bundle.features == "logmel"
    assert bundle.card["training"]["noise"] == "street"
    assert bundle.card["summary"].startswith("log-mel → CNN")
    (judged,) = bundle.card["training"]["speakers"]["test"]
    evaluation = evaluate_bundle(bundle, table.where("speaker", judged))
    assert evaluation.summary()["uar"] == bundle.card["evaluation"]["uar"]


def test_figures_over_folds_are_means_of_what_all_folds_have():
    folds = [
        {"uar": 0.5, "clips": 10, "sex": {"female": {"uar": 0.2}, "male": {"uar": 1.0}}},
        {"uar": 0.7, "clips": 30, "sex": {"female": {"uar": 0.6}}},
    ]
    assert over_folds(folds) == {
        "uar": {"mean": pytest.approx(0.6), "sd": pytest.approx(np.sqrt(0.02))},
        "clips": 40,
        "sex": {"female": {"uar": {"mean": pytest.approx(0.4), "sd": pytest.approx(np.sqrt(0.08))}}},
    }


@pytest.mark.slow
def test_recorded_noise_is_trained_with(table, tmp_path, quick):
    options = replace(quick, epochs=1, augmentation=Strengths(crops=(), noise_share=0, recorded_share=1))
    losses = []
    for folder, noise in (("noisy", STREET), ("clean", None)):
        (tmp_path / folder).mkdir()
        job = Job(table, (options,), noise=noise, quiet=True)
        train_network(job, split(table, HoldOut(), 0), tmp_path / folder)
        with (tmp_path / folder / "history.csv").open() as file:
            losses.append(next(csv.DictReader(file))["loss"])
    assert losses[0] != losses[1]


def test_a_whisper_network_needs_its_encoder(table, tmp_path, quick):
    with pytest.raises(UsageError, match=r"encoder\.weights is not set"):
        fit(Job(table, (replace(quick, network="whisper"),)), tmp_path / "a")


def test_noise_that_cannot_be_mixed_in_is_refused(table, tmp_path, quick):
    with pytest.raises(UsageError, match="noise needs spectrogram"):
        fit(Job(table, (replace(quick, augment="none"),), noise=STREET), tmp_path / "a")
    with pytest.raises(UsageError, match="after noise reduction"):
        fit(Job(replace(table, denoise="gate"), (quick,), noise=STREET), tmp_path / "b")
    with pytest.raises(UsageError, match="after noise reduction"):
        fit(Job(replace(table, denoise="gate"), (quick,), test_noises=[STREET]), tmp_path / "c")
    with pytest.raises(UsageError, match="no clips are held out"):
        fit(Job(table, (quick,), HoldOut(test=0), test_noises=[STREET]), tmp_path / "d")


@pytest.mark.slow
def test_cross_validation_leaves_a_bundle_for_each_fold(table, tmp_path, quick):
    options = replace(quick, epochs=2, weights="float16")
    bundle = fit(
        Job(table, (options,), HoldOut(cross_validate=True), quiet=True, test_noises=[STREET]),
        tmp_path / "crossed",
    )
    crossed = bundle.card["cross_validation"]
    assert list(crossed["folds"]) == ["1", "2", "3"]
    assert crossed["calibrated_on"] == "clips"
    for fold in crossed["folds"]:
        card = json.loads((bundle.path / "folds" / fold / "card.json").read_text())
        held_out = set(table.where("fold", fold).speakers)
        again = evaluate_bundle(load_bundle(bundle.path / "folds" / fold), table.where("fold", fold))
        assert again.summary()["per_class"] == card["evaluation"]["per_class"]
        assert set(card["training"]["speakers"]["test"]) == held_out
        assert crossed["folds"][fold]["uar"] == card["evaluation"]["uar"]
    logits, actual = [], []
    for fold in crossed["folds"]:
        held_out = table.where("fold", fold)
        answers = evaluate_bundle(load_bundle(bundle.path / "folds" / fold), held_out)
        logits.append(answers.logits)
        actual.append(answers.actual)
    assert bundle.temperature == calibration.fit_temperature(np.concatenate(logits), np.concatenate(actual))
    others = calibration.fit_temperature(np.concatenate(logits[1:]), np.concatenate(actual[1:]))
    error = metrics.expected_calibration_error(softmax(logits[0], others), actual[0])
    assert crossed["folds"]["1"]["ece"] == pytest.approx(error)
    quiet, loud = (crossed["under_noise"]["street"][snr]["uar"]["mean"] for snr in ("20", "0"))
    assert quiet != loud
    assert not bundle.card["evaluation"]["under_noise"]
    assert crossed["ece_of_all_clips"] <= max(row["ece"] for row in crossed["folds"].values())
    uars = [row["uar"] for row in crossed["folds"].values()]
    assert crossed["mean"]["uar"] == pytest.approx(np.mean(uars))
    assert crossed["sd"]["uar"] == pytest.approx(np.std(uars, ddof=1))
    assert crossed["per_class"]["sad"]["clips"] == table.labels.count("sad")
    assert "sex" not in crossed["groups"]  # some fold has but one
    assert not bundle.card["training"]["speakers"]["test"]
    console = Console(width=120, record=True, file=open("/dev/null", "w"))
    console.print(*card_tables(bundle.card))
    assert "label, over folds" in console.export_text()


@pytest.mark.slow
def test_real_clips_are_learned_better_than_chance(originals, tmp_path):
    """Twelve of CREMA-D's actors, four epochs: far from good, but more than a broken pipeline reaches."""
    import ser_batch

    few = tmp_path / "few"
    few.mkdir()
    actors = sorted({path.name[:4] for path in originals.glob("*.wav")})[:12]
    for path in originals.glob("*.wav"):
        if path.name[:4] in actors:
            (few / path.name).symlink_to(path)
    bundle = ser_batch.train(few, tmp_path / "model", epochs=4)
    assert bundle.card["evaluation"]["uar"] > 1 / 6
