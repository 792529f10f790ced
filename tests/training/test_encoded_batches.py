from dataclasses import replace

import numpy as np
import pytest

from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.training.encoded_batches import EncodedBatches, encode_views
from ser_batch.training.options import EncoderOptions, TrainOptions

PLAIN = Strengths(time_masks=0, mixup=0.0)


def average(mfcc):
    """An encoder of one output: the mean of four frames; frames that are not padding are active."""
    means = mfcc[:, :188, :6].reshape(len(mfcc), 47, 4, 6).mean(axis=2)
    return [means, (mfcc[:, ::4, :1] > mfcc[:, :, :1].min()).astype(np.float32)]


def options(strengths):
    return TrainOptions("whisper", batch_size=4, augmentation=strengths, encoder=EncoderOptions(views=2))


def batches(views, strengths, seed=0):
    targets = np.eye(3, dtype=np.float32)[np.arange(views.shape[1]) % 3]
    return EncodedBatches(views, 1, targets, np.ones(3, np.float32), options(strengths), seed)


@pytest.fixture
def views(table, tmp_path):
    rows = np.arange(len(table))[:10]
    return encode_views(average, table, rows, tmp_path / "views.npy", options(Strengths()), 0)


def test_the_first_view_is_the_clip_and_the_others_are_not(views, table):
    assert views.shape == (3, 10, 47, 7)
    from ser_batch.audio import features

    clip = features.network_input(table.log_mel(np.arange(10)), "mfcc")
    np.testing.assert_allclose(views[0, ..., :6], average(clip)[0], rtol=1e-2, atol=1e-1)
    assert np.abs(views[1].astype(float) - views[0]).mean() > 0.1
    assert np.abs(views[2].astype(float) - views[1]).mean() > 0.1


def test_an_epoch_has_every_clip_at_most_once_and_is_the_same_when_made_again(views):
    made = list(batches(views[:1], PLAIN).epoch(3))
    again = list(batches(views[:1], PLAIN).epoch(3))
    assert len(made) == len(batches(views, PLAIN)) == 2
    clips = np.concatenate([batch.inputs[0] for batch in made])
    assert len(np.unique(clips.round(3), axis=0)) == 8
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.inputs[0], other.inputs[0])
        np.testing.assert_array_equal(one.targets["logits"], other.targets["logits"])


def test_a_blend_of_clips_has_a_blend_of_their_targets_and_is_active_where_either_is(views):
    for batch in batches(views, replace(PLAIN, mixup=0.4)).epoch(0):
        outputs, active = batch.inputs
        assert outputs.shape == (4, 47, 6)
        assert active.shape == (4, 47, 1)
        assert set(np.unique(active)) <= {0.0, 1.0}
        np.testing.assert_allclose(batch.targets["logits"].sum(axis=1), 1, rtol=1e-5)
    assert batch.targets["logits"].max(axis=1).min() < 1


def test_masks_hide_frames_but_never_all(views):
    whole = sum(batch.inputs[1].sum() for batch in batches(views, PLAIN).epoch(0))
    masked = [
        batch.inputs[1]
        for batch in batches(views, replace(PLAIN, time_masks=2, time_mask_frames=80)).epoch(0)
    ]
    assert sum(active.sum() for active in masked) < whole
    assert min(active.sum(axis=1).min() for active in masked) > 0
