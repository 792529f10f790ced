import numpy as np
import pytest
import soundfile

from ser_batch.audio import features
from ser_batch.audio.noise import mix, read_noise, white
from ser_batch.errors import SerBatchError


@pytest.fixture
def folder(tmp_path, rng):
    """Five seconds of hiss at another rate, a short hum, silence, and a text."""
    place = tmp_path / "street" / "deep"
    place.mkdir(parents=True)
    soundfile.write(place / "hiss.wav", rng.normal(0, 0.1, 5 * 44_100), 44_100)
    soundfile.write(place / "hum.flac", np.sin(np.arange(8_000) / 10) / 2, 16_000)
    soundfile.write(place / "silence.wav", np.zeros(40_000), 16_000)
    (place / "LICENCE.txt").write_text("CC BY")
    return tmp_path / "street"


def test_a_folder_s_sounds_are_cut_into_windows_and_short_ones_repeated(folder):
    noise = read_noise(folder)
    assert noise.source == "street"
    assert noise.samples.shape == (3 + 1, 48_000)  # at 0, 1.5 and 3.0 s, the last one of 2 s
    assert noise.samples.dtype == np.float32
    np.testing.assert_array_equal(noise.samples[2, :16_000], noise.samples[2, 32_000:])
    np.testing.assert_array_equal(noise.samples[3, :8_000], noise.samples[3, 8_000:16_000])
    np.testing.assert_allclose(
        noise.power, features.power_spectrogram(noise.samples) @ features.mel_filters(), rtol=1e-5
    )


def test_long_files_give_twenty_windows(tmp_path, rng):
    soundfile.write(tmp_path / "long.wav", rng.normal(0, 0.1, 60 * 8_000), 8_000)
    assert len(read_noise(tmp_path).samples) == 20


def test_white_noise_is_white_and_always_the_same():
    assert read_noise("white") is white()
    halves = (
        np.square(np.abs(np.fft.rfft(white().samples, axis=1))).mean(axis=0).reshape(-1)[1:].reshape(2, -1)
    )
    assert halves[0].mean() == pytest.approx(halves[1].mean(), rel=0.02)


def test_folders_without_noise_are_refused(tmp_path):
    with pytest.raises(SerBatchError, match="no such folder of noise"):
        read_noise(tmp_path / "nowhere")
    soundfile.write(tmp_path / "silence.wav", np.zeros(40_000), 16_000)
    with pytest.raises(SerBatchError, match="no audio in it, or only silence"):
        read_noise(tmp_path)


@pytest.mark.parametrize("snr_db", [20.0, 0.0, -5.0])
def test_audio_is_mixed_at_the_ratio_that_was_asked_for(rng, snr_db):
    speech = rng.normal(0, 0.3, 20_000).astype(np.float32)
    noise = rng.normal(0, 0.01, 48_000).astype(np.float32)
    added = mix(speech, noise, snr_db) - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(added**2)) == pytest.approx(snr_db, abs=0.01)
    np.testing.assert_array_equal(mix(speech, np.zeros_like(noise), snr_db), speech)
