import csv
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser_batch.audio.windows import load
from tests.running import wait_until


def ser_batch(*arguments):
    command = [sys.executable, "-m", "ser_batch", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def corpus(samples, tmp_path_factory):
    """A folder of CREMA-D names: eight actors, each our voice at a speed of its own; anger is clipped noise."""
    folder = tmp_path_factory.mktemp("AudioWAV")
    rng = np.random.default_rng(0)
    speech = load(str(samples / "meeting" / "introduction.flac"), 3.0)
    for actor in range(8):
        speed = rng.uniform(0.8, 1.2)
        for sentence in ("DFA", "IEO", "IOM"):
            piece = speech[rng.integers(0, 8_000) :]
            voice = np.interp(np.arange(0, len(piece) - 1, speed), np.arange(len(piece)), piece)[:48_000]
            angry = np.clip(voice * 20, -0.3, 0.3) + rng.normal(0, 0.02, len(voice))
            for emotion, audio in (("ANG", angry), ("SAD", voice * 0.2)):
                path = folder / f"{1001 + actor}_{sentence}_{emotion}_XX.wav"
                soundfile.write(path, audio, 16_000)
    return folder


@pytest.mark.slow
def test_from_audio_to_a_model_that_annotates(corpus, tmp_path):
    model = tmp_path / "my-model"
    arguments = (
        "--epochs",
        "3",
        "--features",
        "logmel",
        "--test",
        "0.25",
        "--validation",
        "0.25",
        "--set",
        "patience=9",
    )
    done = ser_batch("train", corpus, "-o", model, *arguments)
    assert done.returncode == 0, done.stderr
    card = json.loads((model / "card.json").read_text())
    assert card["labels"] == ["angry", "sad"]
    assert card["front_end"]["features"] == "logmel"
    speakers = card["training"]["speakers"]
    actors = [actor for part in speakers.values() for actor in part]
    assert sorted(actors) == [str(1001 + actor) for actor in range(8)]
    assert f"train {corpus} -o {model} --epochs 3" in card["command"]
    for name in (
        "model.tflite",
        "model.keras",
        "history.csv",
        "curves.png",
        "confusion.png",
        "predictions.csv",
    ):
        assert (model / name).stat().st_size > 0

    # the clips are tones, which are no speech
    done = ser_batch("annotate", corpus, "-o", tmp_path / "out", "--model", model, "--no-voice")
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out" / "files.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 48
    assert {row["label"] for row in rows} <= {"angry", "sad"}

    done = ser_batch("evaluate", corpus, "--model", model, "-o", tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    assert "UAR" in done.stdout
    # the table and the audio go the same way: evaluate and annotate agree on every clip
    with open(tmp_path / "figures" / "predictions.csv", newline="") as lines:
        predicted = {row["file"]: row for row in csv.DictReader(lines)}
    for row in rows:
        other = predicted[row["file"].removesuffix(".wav")]
        assert float(row["p_sad"]) == pytest.approx(float(other["p_sad"]), abs=0.02)


@pytest.mark.slow
def test_waveform_augmentation_and_a_stored_table(corpus, tmp_path):
    quick = ("--epochs", "1", "--test", "0", "--validation", "0.25", "-q")
    done = ser_batch("train", corpus, "-o", tmp_path / "a", "--set", "augment=waveform", *quick)
    assert done.returncode == 0, done.stderr
    assert ser_batch("features", corpus, "-o", tmp_path / "table.npz", "-q").returncode == 0
    assert ser_batch("train", tmp_path / "table.npz", "-o", tmp_path / "b", *quick).returncode == 0
    refused = ser_batch(
        "train", tmp_path / "table.npz", "-o", tmp_path / "c", "--set", "augment=waveform", *quick
    )
    assert refused.returncode == 1
    assert "a stored table has no audio" in refused.stderr


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(corpus, tmp_path):
    model = tmp_path / "my model"
    arguments = ("train", corpus, "-o", model, "--epochs", "500", "--test", "0.25", "--validation", "0.25")
    command = [sys.executable, "-m", "ser_batch", *map(str, arguments), "--set", "patience=500"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until((model / "checkpoint-1.npz").exists, 300)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1].splitlines()[-1]
    assert running.returncode == 130
    assert "interrupted: to continue after the last whole epoch: ser-batch train " in said
    assert said.endswith(
        f"-o '{model}' --epochs 500 --test 0.25 --validation 0.25 --set patience=500 --resume"
    )


@pytest.mark.parametrize(("make", "said"), [
    (lambda folder: None, "no audio file"),
    (lambda folder: soundfile.write(folder / "hello.wav", np.zeros(9), 16_000), "no recognisable label"),
    (lambda folder: soundfile.write(folder / "1001_DFA_ANG_XX.wav", np.zeros(9), 16_000), "at least two labels"),
], ids=["empty", "no label", "one class"])  # fmt: skip
def test_a_corpus_that_cannot_be_trained_on(tmp_path, make, said):
    (tmp_path / "corpus").mkdir()
    make(tmp_path / "corpus")
    done = ser_batch("train", tmp_path / "corpus", "-o", tmp_path / "model")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("option", "value", "code", "said"),
    [
        ("--init-from", "nonsense", 2, "nonsense: no such model"),
        ("--recipe", "nonsense", 2, "nonsense: no such recipe"),
        ("--set", "epoch=3", 2, "unknown key epoch"),
        ("--set", "noise={empty}", 1, "no audio in it, or only silence"),
        ("--labels", "{empty}", 1, "cannot be read"),
    ],
)
def test_options_that_cannot_be_met(corpus, tmp_path, option, value, code, said):
    (tmp_path / "empty").mkdir()
    value = value.format(empty=tmp_path / "empty")
    done = ser_batch("train", corpus, "-o", tmp_path / "model", option, value)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_an_evaluation_under_noise(corpus, tmp_path):
    (tmp_path / "hum").mkdir()
    soundfile.write(tmp_path / "hum" / "hum.wav", np.sin(np.arange(60_000) / 10), 16_000)
    noises = ("--noise", "white", "--noise", tmp_path / "hum", "--snr", "10", "--snr", "0")
    done = ser_batch("evaluate", corpus, "-o", tmp_path / "figures", *noises)
    assert done.returncode == 0, done.stderr
    assert "10 dB" in done.stdout
    figures = json.loads((tmp_path / "figures" / "metrics.json").read_text())
    assert {noise: list(found) for noise, found in figures["under_noise"].items()} == {
        "white": ["10", "0"],
        "hum": ["10", "0"],
    }


def test_a_model_that_held_no_speaker_out(corpus):
    done = ser_batch("evaluate", corpus, "--model", "crema-d", "--held-out")
    assert done.returncode == 1
    assert "held out no speaker of CREMA-D" in done.stderr


def test_too_few_speakers(corpus, tmp_path):
    for path in corpus.glob("1001_*"):
        soundfile.write(tmp_path / path.name, *soundfile.read(path))
    done = ser_batch("train", tmp_path, "-o", tmp_path / "model")
    assert done.returncode == 1
    assert "too few speakers to split" in done.stderr


@pytest.mark.slow
def test_several_corpora_are_mapped_together(corpus, tmp_path):
    (tmp_path / "labels.csv").write_text("from,to\nangry,sad\n")
    done = ser_batch(
        "train",
        corpus,
        corpus,
        "-o",
        tmp_path / "model",
        "--labels",
        tmp_path / "labels.csv",
        "--epochs",
        "1",
    )
    assert done.returncode == 1
    assert done.stderr.count("CREMA-D: 24 clips angry → sad") == 2
    assert "CREMA-D: 1 emotion (sad)" in done.stderr


@pytest.mark.slow
def test_places_that_cannot_be_written(corpus):
    for command in (
        ("train", corpus, "-o", "/proc/model"),
        ("features", corpus, "-o", "/proc/table.npz", "-q"),
    ):
        done = ser_batch(*command)
        assert done.returncode == 1
        assert "/proc/" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("evaluate", "{corpus}", "--model", "nonsense"), ("models", "nonsense")])
def test_an_unknown_model(corpus, command):
    done = ser_batch(*(part.format(corpus=corpus) for part in command))
    assert done.returncode == 2
    assert "crema-d" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bundled_model_is_listed_and_its_card_is_shown():
    assert "crema-d" in ser_batch("models").stdout
    card = ser_batch("models", "crema-d").stdout
    for word in ("CREMA-D", "UAR", "SHA-256", "ser-batch train"):
        assert word in card
