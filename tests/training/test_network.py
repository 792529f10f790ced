import numpy as np
import pytest

from ser_batch.audio import features

keras = pytest.importorskip("keras")
from ser_batch.training import network  # noqa: E402


@pytest.fixture(scope="module")
def tiny(quick):
    keras.utils.set_random_seed(0)
    return network.build(4, quick.architecture)


def test_the_rotation_is_undone(table):
    bands = features.from_levels(table.levels[:3])
    turned_back = np.asarray(network.InverseDCT()(features.rotate(bands)))
    np.testing.assert_allclose(turned_back, bands, atol=2e-4)


def test_true_frames_are_heard_and_padding_is_not(table):
    bands = features.from_levels(table.levels[:20])
    heard = np.asarray(network.HeardFrames()(bands))[..., 0]
    np.testing.assert_array_equal(heard.sum(axis=1), table.frames[:20])


def test_absolute_level_plays_no_role(tiny, rng):
    samples = rng.normal(0, 0.1, (2, 30_000)).astype(np.float32)
    loud, soft = (tiny.predict_on_batch(features.mfcc(samples * gain)) for gain in (1.0, 0.01))
    np.testing.assert_allclose(loud, soft, atol=1e-3)


def test_silence_gives_finite_logits(tiny):
    silence = features.mfcc(np.zeros((1, 48_000), np.float32))
    assert np.isfinite(tiny.predict_on_batch(silence)).all()


def test_attentive_statistics_equal_their_definition(rng):
    x, scores = rng.normal(size=(2, 9, 4)), rng.normal(size=(2, 9, 3))
    heard = np.ones((2, 9, 1))
    heard[1, 5:] = 0
    pooled = np.asarray(network.AttentiveStatistics()(x, scores, heard))
    for clip, n in ((0, 9), (1, 5)):
        weights = np.exp(scores[clip, :n]) / np.exp(scores[clip, :n]).sum(axis=0)
        expected = []
        for head in range(3):
            mean = weights[:, head] @ x[clip, :n]
            variance = weights[:, head] @ (x[clip, :n] - mean) ** 2
            expected += [mean, np.sqrt(variance + 1e-4)]
        np.testing.assert_allclose(pooled[clip], np.concatenate(expected), rtol=1e-3)


def test_attributes_are_told_by_layers_that_the_network_itself_has_not(tiny):
    before = len(tiny.weights)
    taught = network.for_training(tiny, None, {"sex": 2, "level": 3})
    answers = taught.predict_on_batch(np.zeros((5, 188, 128), np.float32))
    assert {name: answer.shape for name, answer in answers.items()} == {
        "logits": (5, 4),
        "sex": (5, 2),
        "level": (5, 3),
    }
    assert len(tiny.weights) == before < len(taught.weights)


def test_normalised_bands_have_the_statistics_that_were_set(tiny, table):
    from ser_batch.training.fitting import band_statistics

    rows = np.arange(30)
    mean, deviation = band_statistics(table, rows)
    layer = network.Normalise()
    bands = features.from_levels(table.levels[rows])
    heard = (np.arange(188) < table.frames[rows, None]).astype(np.float32)[..., None]
    layer.build(None)
    layer.set_weights([mean, deviation])
    by_corpus = np.asarray(layer(bands, heard))[..., 0]
    frames = by_corpus[heard[..., 0] > 0]
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-3)
    assert np.all(frames.std(axis=0) < 1)
    assert np.all(by_corpus[heard[..., 0] == 0] == 0)
