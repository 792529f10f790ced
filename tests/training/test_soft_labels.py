import numpy as np
import pytest

from ser_batch.training.soft_labels import out_of_fold

SPEAKERS = [speaker for speaker in "abcdefgh" for _ in range(24)]


@pytest.fixture
def targets(rng):
    return np.eye(3, dtype=np.float32)[rng.integers(3, size=len(SPEAKERS))]


def test_they_are_probabilities_that_know_what_other_speakers_show(targets, rng):
    heard = (
        np.hstack([targets * 2, rng.normal(size=(len(targets), 5))]) + rng.normal(size=(len(targets), 8)) / 2
    )
    soft = out_of_fold(heard.astype(np.float16), targets, SPEAKERS, seed=0)
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-4)
    right = (soft.argmax(axis=1) == targets.argmax(axis=1)).mean()
    assert right > 0.8
    assert soft.max(axis=1).mean() == pytest.approx(right, abs=0.08)  # calibrated


def test_nothing_is_learnt_of_a_speaker_from_the_speaker(targets):
    """Each clip is told apart by who speaks and by nothing else: the labels of others must be of no use."""
    speaker = np.eye(8)[[ord(name) - ord("a") for name in SPEAKERS]]
    said = np.repeat(np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 0, 1]], 24, axis=0)
    soft = out_of_fold(speaker * 5, said, SPEAKERS, seed=0)
    assert (soft.argmax(axis=1) == said.argmax(axis=1)).mean() < 0.6


def test_the_seed_decides(targets, rng):
    heard = targets + rng.normal(size=targets.shape)
    one, same, other = (out_of_fold(heard, targets, SPEAKERS, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01
