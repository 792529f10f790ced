import numpy as np
import pytest

from ser_batch.audio import augment_waveform


@pytest.mark.parametrize("change", [augment_waveform.add_noise, augment_waveform.shift])
def test_waveform_noise_and_shift(change, rng):
    samples = np.sin(np.arange(20_000) / 10).astype(np.float32)
    changed = change(samples, rng)
    assert changed.dtype == np.float32
    assert changed.shape == samples.shape
    assert (changed != samples).any()
    if change is augment_waveform.add_noise:
        assert np.std(changed - samples) <= 0.035 * 1.05
    else:
        np.testing.assert_array_equal(np.sort(changed), np.sort(samples))


@pytest.mark.slow
def test_waveform_stretch_and_pitch(rng):
    time = np.arange(32_000) / 16_000
    samples = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    slower = augment_waveform.stretch(samples, rng)
    assert 32_000 / 1.26 <= len(slower) <= 32_000 / 0.79
    higher = augment_waveform.shift_pitch(samples, rng)
    assert len(higher) == len(samples)
    hertz = np.abs(np.fft.rfft(higher)).argmax() / 2
    assert 440 / 1.13 <= hertz <= 440 * 1.13
    assert augment_waveform.augment(samples, rng).dtype == np.float32
