import noisereduce
import numpy as np
import pytest
from scipy.signal import fftconvolve

from ser_batch.audio import denoise, features
from ser_batch.audio.windows import load


def difference_of_log_mel(audio):
    """Mean distance in dB between our gate and noisereduce, over the frames that hold audio."""
    frames = features.true_frames(len(audio))
    return np.abs(features.log_mel(audio, "gate") - features.log_mel(audio, "noisereduce"))[:frames].mean()


def test_gate_is_noisereduce_on_recordings(corpora):
    paths = (
        sorted((corpora / "crema-d" / "original_wav").glob("*.wav"))
        + sorted((corpora / "ravdess").glob("*.flac"))[::12]
    )
    assert np.mean([difference_of_log_mel(load(str(path), 3.0)) for path in paths]) <= 0.6


def test_gate_takes_away_what_noisereduce_takes_away(samples, rng):
    for path in sorted(samples.rglob("*.flac")):
        audio = load(str(path), 3.0)
        audio += rng.normal(0, 0.01, len(audio)).astype(np.float32)
        changed = np.abs(features.log_mel(audio, "noisereduce") - features.log_mel(audio)).mean()
        assert changed > 10 * difference_of_log_mel(audio)


def test_smoothing_is_noisereduce_s_triangle_then_overlap(rng):
    mask = rng.random((188, 513)) > 0.7
    gate = noisereduce.spectralgate.base._smoothing_filter(16, 3).T
    overlap = np.array(denoise.OVERLAP) / sum(denoise.OVERLAP)
    expected = fftconvolve(np.pad(mask.astype(float), ((8, 8), (0, 0))), gate, mode="same")
    expected = fftconvolve(expected, overlap[:, None], mode="same")[8:-8]
    np.testing.assert_allclose(denoise._smooth(mask), expected, atol=1e-6)


def test_overlap_is_what_hann_windows_leave():
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    padded = np.pad(hann, 1024)
    reach = [(padded[1024:2048] * padded[1024 - j * 256 : 2048 - j * 256] ** 2).sum() for j in range(-2, 3)]
    np.testing.assert_allclose(
        np.array(reach) / hann.sum() / 1.5, np.array(denoise.OVERLAP) / sum(denoise.OVERLAP), atol=1e-3
    )


@pytest.mark.parametrize("n_frames", [1, 50, 188])
def test_mask_is_a_gain(rng, n_frames):
    power = rng.normal(0, 1, (188, 513)).astype(np.float32) ** 2
    mask = denoise.stationary_mask(power, n_frames)
    assert mask.shape == power.shape
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_noisereduce_keeps_the_shape(rng):
    audio = rng.normal(0, 0.1, (2, 8_000)).astype(np.float32)
    clean = denoise.noisereduce_samples(audio, 16_000)
    assert clean.shape == audio.shape
    assert clean.dtype == np.float32
