import numpy as np
import pytest

from ser_batch.audio import features

keras = pytest.importorskip("keras")
from ser_batch.training.networks import cnn, layers  # noqa: E402
from ser_batch.training.networks.build import for_training  # noqa: E402


@pytest.fixture(scope="module")
def tiny(quick):
    keras.utils.set_random_seed(0)
    return cnn.build(4, quick.cnn)


def test_the_rotation_is_undone(table):
    bands = features.from_levels(table.levels[:3])
    turned_back = np.asarray(layers.InverseDCT()(features.rotate(bands)))
    np.testing.assert_allclose(turned_back, bands, atol=2e-4)


def test_true_frames_are_active_and_padding_is_not(table):
    bands = features.from_levels(table.levels[:20])
    active = np.asarray(layers.ActiveFrames()(bands))[..., 0]
    np.testing.assert_array_equal(active.sum(axis=1), table.frames[:20])


def test_absolute_level_plays_no_role(tiny, rng):
    samples = rng.normal(0, 0.1, (2, 30_000)).astype(np.float32)
    loud, soft = (tiny.predict_on_batch(features.mfcc(samples * gain)) for gain in (1.0, 0.01))
    np.testing.assert_allclose(loud, soft, atol=1e-3)


def test_silence_gives_finite_logits(tiny):
    silence = features.mfcc(np.zeros((1, 48_000), np.float32))
    assert np.isfinite(tiny.predict_on_batch(silence)).all()


def test_attentive_statistics_equal_their_definition(rng):
    x, scores = rng.normal(size=(2, 9, 4)), rng.normal(size=(2, 9, 3))
    active = np.ones((2, 9, 1))
    active[1, 5:] = 0
    pooled = np.asarray(layers.AttentiveStatistics()(x, scores, active))
    for clip, n in ((0, 9), (1, 5)):
        weights = np.exp(scores[clip, :n]) / np.exp(scores[clip, :n]).sum(axis=0)
        expected = []
        for head in range(3):
            mean = weights[:, head] @ x[clip, :n]
            variance = weights[:, head] @ (x[clip, :n] - mean) ** 2
            expected += [mean, np.sqrt(variance + 1e-4)]
        np.testing.assert_allclose(pooled[clip], np.concatenate(expected), rtol=1e-3)


def test_distillation_adds_layers_that_the_network_itself_does_not_have(tiny):
    before = len(tiny.weights)
    training = for_training(tiny, {"frames": 7, "clip": 3})
    outputs = training.predict_on_batch(np.zeros((5, 188, 128), np.float32))
    assert {name: output.shape for name, output in outputs.items()} == {
        "logits": (5, 4),
        "frames": (5, 47, 7),
        "clip": (5, 3),
    }
    assert len(tiny.weights) == before < len(training.weights)


def test_normalised_bands_have_the_statistics_that_were_set(tiny, table):
    from ser_batch.training.fitting import band_statistics

    rows = np.arange(30)
    mean, deviation = band_statistics(table, rows)
    layer = cnn.Normalise()
    bands = features.from_levels(table.levels[rows])
    active = (np.arange(188) < table.frames[rows, None]).astype(np.float32)[..., None]
    layer.build(None)
    layer.set_weights([mean, deviation])
    by_corpus = np.asarray(layer(bands, active))[..., 0]
    frames = by_corpus[active[..., 0] > 0]
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-3)
    assert np.all(frames.std(axis=0) < 1)
    assert np.all(by_corpus[active[..., 0] == 0] == 0)
