import numpy as np
import pytest

from ser_batch.audio import features

keras = pytest.importorskip("keras")
from ser_batch.training.networks import cnn, layers  # noqa: E402
from ser_batch.training.networks.build import for_training  # noqa: E402
from ser_batch.training.options import NoiseFloorOptions  # noqa: E402
from ser_batch.training.statistics import band_statistics, pause_spectrum  # noqa: E402


@pytest.fixture(scope="module")
def tiny(quick):
    keras.utils.set_random_seed(0)
    return cnn.build(4, quick.cnn, NoiseFloorOptions())


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


def test_dense_layers_begin_with_the_variance_of_pytorch():
    layer = layers.dense(200)
    layer.build((None, 300))
    assert np.var(layer.get_weights()[0]) == pytest.approx(1 / 900, rel=0.05)


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


def floor_of(spectrum, **random):
    layer = layers.NoiseFloor(**random)
    layer.build(None)
    layer.set_weights([spectrum])
    return layer


def active_frames(table, rows):
    return (np.arange(188) < table.frames[rows, None]).astype(np.float32)[..., None]


def test_levels_add_in_power_within_a_third_of_a_decibel():
    difference = np.linspace(-60, 60, 500, dtype=np.float32)
    exact = 10 * np.log10(10 ** (difference / 10) + 1)
    np.testing.assert_allclose(layers.add_in_power(difference, np.float32(0)), exact, atol=0.3)


def test_the_pauses_of_a_clip_are_its_quietest_true_frames(table):
    clip = 3
    bands = features.from_levels(table.levels[clip, : table.frames[clip]])
    quietest = np.argsort(bands.max(axis=1), kind="stable")[: len(bands) // 10]
    expected = 10 * np.log10((10 ** (bands[quietest] / 10)).mean(axis=0))
    np.testing.assert_allclose(pause_spectrum(table, np.array([clip])), expected, atol=0.01)


def test_the_floor_in_use_is_fixed_and_leaves_padding(table):
    rows = np.arange(6)
    bands, active = features.from_levels(table.levels[rows]), active_frames(table, rows)
    spectrum = np.linspace(-30, -60, 128).astype(np.float32)
    floor = floor_of(spectrum, level_db=15, colour_db=3)
    noisy = np.asarray(floor(bands, active))
    np.testing.assert_array_equal(noisy, np.asarray(floor(bands, active)))
    is_audio = active[..., 0] > 0
    np.testing.assert_array_equal(noisy[~is_audio], bands[~is_audio])
    assert np.all(noisy[is_audio] >= spectrum - 1e-4)
    assert np.all((noisy >= bands - 1e-4) & (noisy <= np.maximum(bands, spectrum) + 3.01))


def test_the_floor_in_training_differs_by_clip(table):
    bands = np.full((400, 2, 128), -79.0, np.float32)
    spectrum = np.full(128, -40, np.float32)
    levels = floor_of(spectrum, level_db=10)(bands, np.ones((400, 2, 1)), training=True)
    levels = np.asarray(levels)
    np.testing.assert_allclose(levels, levels[:, :1, :1] + np.zeros_like(levels), atol=1e-3)
    assert -50.1 < levels.min() < -48 and -32 < levels.max() < -29.9
    coloured = np.asarray(floor_of(spectrum, colour_db=3)(bands, np.ones((400, 2, 1)), training=True))
    assert np.all(coloured[:, 0].std(axis=1) > 0)
    np.testing.assert_allclose(coloured.mean(), -40, atol=0.5)


def test_noise_below_the_floor_changes_little(tiny, rng):
    """What the floor is for: a room's own noise, well below the floor, does not change the answer."""
    speech = rng.normal(0, 0.1, 40_000) * np.repeat(rng.random(40) > 0.5, 1_000)
    noise = rng.normal(0, 1, 40_000)
    rooms = np.stack([speech + level * noise for level in (1e-6, 1e-5)]).astype(np.float32)
    inputs = features.mfcc(rooms)
    before = np.abs(np.diff(tiny.predict_on_batch(inputs), axis=0)).max()
    spectrum = tiny.get_layer("noise_floor").get_weights()
    tiny.get_layer("noise_floor").set_weights([np.full(128, -40, np.float32)])
    after = np.abs(np.diff(tiny.predict_on_batch(inputs), axis=0)).max()
    tiny.get_layer("noise_floor").set_weights(spectrum)
    assert after < before / 10


def test_normalised_bands_have_the_statistics_that_were_set(tiny, table):
    rows = np.arange(30)
    spectrum = pause_spectrum(table, rows)
    mean, deviation = band_statistics(table, rows, spectrum)
    layer = cnn.Normalise()
    active = active_frames(table, rows)
    bands = np.asarray(floor_of(spectrum)(features.from_levels(table.levels[rows]), active))
    layer.build(None)
    layer.set_weights([mean, deviation])
    by_corpus = np.asarray(layer(bands, active))[..., 0]
    frames = by_corpus[active[..., 0] > 0]
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-3)
    assert np.all(frames.std(axis=0) < 1)
    assert np.all(by_corpus[active[..., 0] == 0] == 0)
