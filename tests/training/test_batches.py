from dataclasses import replace

import numpy as np
import pytest
import soundfile

from ser_batch.audio import features, front_end
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.training.batches import Batches, balanced_weights, soft_targets
from ser_batch.training.options import TrainOptions

PLAIN = TrainOptions(batch_size=10, augment="none")
LABELS = ["angry", "neutral", "sad"]


@pytest.fixture
def plain(table):
    rows = np.arange(0, len(table), 2)
    targets = soft_targets(table, LABELS, 0, 0)
    return Batches(table, rows, targets, np.ones(3, np.float32), PLAIN, seed=1)


def changed(batches, **options):
    return replace(batches, options=replace(batches.options, **options))


def test_without_augmentation_batches_are_the_table(plain, table):
    seen = np.concatenate([batch.inputs[0] for batch in plain.epoch(0)])
    expected = features.rotate(table.log_mel(plain.rows))
    assert len(seen) == len(plain) * 10 == 50
    assert {clip.tobytes() for clip in seen} <= {clip.tobytes() for clip in expected}
    assert len({clip.tobytes() for clip in seen}) == 50


def test_a_network_that_takes_log_mel_gets_it(plain):
    of_mfcc, of_log_mel = (next(changed(plain, features=kind).epoch(0)) for kind in ("mfcc", "logmel"))
    np.testing.assert_array_equal(of_mfcc.inputs[0], features.rotate(of_log_mel.inputs[0]))


def test_an_epoch_is_the_same_each_time_and_unlike_the_next(plain):
    augmented = changed(plain, augment="spectrogram", augmentation=Strengths(crops=()))
    first, again, other = ([batch.inputs[0] for batch in augmented.epoch(n)] for n in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (np.array(first) != np.array(other)).any()


def test_augmented_clips_differ_from_the_table_and_mix_targets(plain, table):
    augmented = changed(plain, augment="spectrogram", augmentation=Strengths(crops=(), mixup=0.4))
    batch = next(iter(augmented.epoch(0)))
    clips = {clip.tobytes() for clip in features.rotate(table.log_mel())}
    assert not any(clip.tobytes() in clips for clip in batch.inputs[0])
    np.testing.assert_allclose(batch.targets["logits"].sum(axis=1), 1, rtol=1e-5)
    assert ((batch.targets["logits"] > 0.01) & (batch.targets["logits"] < 0.99)).any()


def test_clips_that_the_network_is_to_mix_stay_apart_and_their_targets_do_not(plain):
    strengths = Strengths(crops=(), mixup=0.4)
    of_cnn = changed(plain, augment="spectrogram", augmentation=strengths, features="logmel")
    in_network = changed(of_cnn, network="whisper")
    clips, share, other = (batch := next(iter(in_network.epoch(0)))).inputs
    assert clips.shape[1:] == (front_end.N_FRAMES, front_end.N_MELS)
    assert share.shape == (len(clips), 1, 1)
    assert sorted(other) == list(range(len(clips)))
    mixed = next(iter(of_cnn.epoch(0)))
    np.testing.assert_array_equal(batch.targets["logits"], mixed.targets["logits"])
    np.testing.assert_allclose(mixed.inputs[0], share * clips + (1 - share) * clips[other], rtol=1e-5)


def test_waveform_augmentation_works_on_audio_of_training_clips_only(plain, tmp_path):
    paths = [str(tmp_path / f"{row}.wav") for row in range(len(plain.table))]
    # a file that is not there would be an error
    for row in plain.rows[:3]:
        soundfile.write(paths[row], np.random.default_rng(row).normal(0, 0.1, 30_000 + row), 16_000)
    with_audio = replace(plain.table, paths=paths)
    batches = changed(replace(plain, table=with_audio, rows=plain.rows[:3]), augment="waveform")
    batch = next(iter(batches.epoch(0)))
    assert batch.inputs[0].shape == (3, front_end.N_FRAMES, front_end.N_MELS)


def test_weights_follow_mixed_targets(plain):
    weighted = replace(plain, class_weights=np.array([1, 2, 3], "f"))
    weighted = changed(weighted, augment="spectrogram", augmentation=Strengths(mixup=0.4))
    batch = next(iter(weighted.epoch(0)))
    np.testing.assert_allclose(batch.weights["logits"], batch.targets["logits"] @ [1, 2, 3], rtol=1e-5)


def test_balanced_weights_make_classes_count_alike():
    targets = np.eye(3, dtype="f")[[0] * 6 + [1] * 3 + [2]]
    for soft in (targets, 0.8 * targets + 0.2 * np.array([0.1, 0.1, 0.8], "f")):
        weights = balanced_weights(soft)
        np.testing.assert_allclose(weights * soft.sum(axis=0), 10 / 3, rtol=1e-6)
        assert (soft @ weights).mean() == pytest.approx(1)


def test_votes_and_smoothing_soften_targets(make_table):
    table = make_table(clips_each=1, speakers=("ada",))
    np.testing.assert_allclose(soft_targets(table, LABELS, 0.2, 0), np.eye(3))
    votes = {"angry": ["3", "0", ""], "neutral": ["1", "0", "2"], "sad": ["0", "0", "2"]}
    table.attributes |= {f"vote_{label}": column for label, column in votes.items()}
    soft = soft_targets(table, LABELS, 0.2, 0)
    np.testing.assert_allclose(soft, [[0.95, 0.05, 0], [0, 1, 0], [0, 0.1, 0.9]])
    del table.attributes["vote_neutral"]  # a label that the listeners could not choose
    np.testing.assert_allclose(soft_targets(table, LABELS, 0.2, 0)[:2], [[1, 0, 0], [0, 1, 0]])
    table.attributes["vote_neutral"] = votes["neutral"]
    smooth = soft_targets(table, LABELS, 0.2, 0.3)
    np.testing.assert_allclose(smooth, 0.7 * soft + 0.1, rtol=1e-6)
