"""The voice detector in the worker: what is given a label, and what is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser_batch.audio import voice
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.front_end import SAMPLE_RATE
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Annotation
from ser_batch.engine.worker import Worker
from ser_batch.model.bundle import load_bundle, load_voice
from ser_batch.model.runtime import Network

SETTINGS = Settings(str(load_bundle("crema-d").path), 3.0, 1.5, "off")
SECONDS = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE


def tone(*frequencies):
    return sum(np.sin(2 * np.pi * f * SECONDS) for f in frequencies).astype(np.float32) * 0.1


def ringing():
    return tone(440, 480) * (SECONDS % 3 < 2)


def white_noise():
    return np.random.default_rng(0).standard_normal(len(SECONDS), np.float32) * 0.05


def hum():
    return tone(*range(50, 1000, 50))


SOUNDS = {
    "tone": tone(1000), "dial tone": tone(350, 440), "ringing": ringing(), "noise": white_noise(), "hum": hum()
}  # fmt: skip


@pytest.fixture(scope="module")
def worker():
    return Worker(SETTINGS)


def spoken(samples, name="meeting/introduction.flac"):
    rate, audio = blocks(str(samples / name))
    assert rate == SAMPLE_RATE
    return np.concatenate(list(audio))


def annotate(worker, samples) -> Annotation:
    return worker.annotate_audio(SAMPLE_RATE, [samples.astype(np.float32)])


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_without_speech_has_no_probabilities(worker, name):
    annotation = annotate(worker, SOUNDS[name])
    assert not annotation.probabilities.any()
    assert not annotation.silent.any()


def test_all_samples_are_speech(worker, samples: Path):
    for path in sorted(samples.glob("*/*")):
        annotation = worker.annotate(str(path))
        assert annotation.probabilities.any(), path
        assert annotation.speech.mean() > 3_000, path


def test_silence_is_silent_and_not_merely_without_speech(worker):
    annotation = annotate(worker, np.zeros(2 * SAMPLE_RATE))
    assert annotation.silent.all()
    assert annotation.voice.tolist() == [voice.SILENT]


def test_speech_after_noise(worker, samples):
    """Two files' worth of noise, then speech: the first windows have no label, the last ones do."""
    both = np.concatenate([white_noise(), white_noise(), spoken(samples)])
    annotation = annotate(worker, both)
    labelled = annotation.probabilities.any(axis=1)
    assert not labelled[:3].any()
    assert labelled[5:].any()
    first, _ = voice.stretches(SAMPLE_RATE, annotation.starts, annotation.ends, annotation.voice)[0]
    assert 7.5 < first < 9.0


def test_the_level_plays_no_role(worker, samples):
    speech = spoken(samples)
    loud, quiet = annotate(worker, speech), annotate(worker, speech * 0.01)
    assert (loud.voice == quiet.voice).all()


def test_without_the_detector_all_that_sounds_has_a_label():
    annotation = annotate(Worker(replace(SETTINGS, min_speech=None)), SOUNDS["noise"])
    assert annotation.voice is None
    assert annotation.probabilities.any(axis=1).all()


def test_a_window_must_hold_as_much_speech_as_is_asked_for(samples):
    speech = np.concatenate([spoken(samples)[:SAMPLE_RATE], np.zeros(2 * SAMPLE_RATE)])
    ratio = annotate(Worker(replace(SETTINGS, min_speech=0.0)), speech).speech[0] / 10_000
    assert 0.2 < ratio < 0.4
    for min_speech, labelled in ((3.0 * ratio - 0.1, True), (3.0 * ratio + 0.1, False)):
        annotation = annotate(Worker(replace(SETTINGS, min_speech=min_speech)), speech)
        assert annotation.probabilities.any() == labelled
        assert annotation.speech[0] / 10_000 == ratio


def test_noise_reduction_does_not_change_what_is_speech(worker, samples):
    speech = spoken(samples)
    plain, cleaned = annotate(worker, speech), annotate(Worker(replace(SETTINGS, denoise="gate")), speech)
    assert (plain.voice == cleaned.voice).all()
    assert (plain.probabilities != cleaned.probabilities).any()


def test_the_record_keeps_the_steps(worker, samples):
    annotation = annotate(worker, spoken(samples))
    assert (Annotation.from_record(annotation.record()).voice == annotation.voice).all()
    bare = replace(annotation, voice=None)
    assert "voice" not in bare.record()
    assert Annotation.from_record(bare.record()).voice is None


def test_the_detector_is_small():
    bundle = load_voice()
    assert bundle.network_path.stat().st_size == bundle.card["bytes"] <= 150_000
    answer = Network(bundle.network_path, voice.N_STEPS)(np.full((188, 128), -80, np.float32))
    assert ((answer >= 0) & (answer <= 1)).all()
