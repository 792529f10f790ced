import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.audio import features, front_end
from ser_batch.audio.windows import load


def librosa_log_mel(samples):
    blocks = np.reshape(samples[: len(samples) // 256 * 256], (-1, 256))
    padded = np.pad(samples - np.median(blocks.mean(axis=1)), (0, front_end.WINDOW_SAMPLES - len(samples)))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=16_000, n_fft=1024, hop_length=256, n_mels=128, power=2.0
    )
    return librosa.power_to_db(mel, ref=np.max, top_db=80).T


def speech(samples_folder):
    return [load(str(path), 3.0) for path in sorted(samples_folder.rglob("*.flac"))]


def test_log_mel_equals_librosa_on_noise_of_any_length(rng):
    for n_samples in (1_000, 16_000, 47_999, 48_000):
        noise = rng.normal(0, 0.1, n_samples).astype(np.float32)
        np.testing.assert_allclose(features.log_mel(noise), librosa_log_mel(noise), atol=1e-3)


def test_log_mel_equals_librosa_on_speech(samples):
    assert speech(samples)
    for audio in speech(samples):
        np.testing.assert_allclose(features.log_mel(audio), librosa_log_mel(audio), atol=1e-3)


def test_log_mel_equals_librosa_on_recordings(corpora):
    paths = (
        sorted((corpora / "ravdess").glob("*.flac"))[::40]
        + sorted((corpora / "librispeech").glob("*.flac"))[::7]
    )
    assert paths
    for path in paths:
        audio = load(str(path), 3.0)
        np.testing.assert_allclose(features.log_mel(audio), librosa_log_mel(audio), atol=1e-3)


def test_mfcc_equals_librosa(rng):
    noise = rng.normal(0, 0.1, 48_000).astype(np.float32)
    expected = librosa.feature.mfcc(S=librosa_log_mel(noise).T, n_mfcc=128).T
    np.testing.assert_allclose(features.mfcc(noise), expected, atol=1e-2)  # sums of 128 bands


def test_originals_of_crema_d_give_the_shared_table(corpora):
    table = np.load(corpora / "crema-d" / "logmel_u8.npz")
    names, levels = table["names"].tolist(), table["mel"]
    originals = sorted((corpora / "crema-d" / "original_wav").glob("*.wav"))
    assert len(originals) == 7
    for path in originals:
        ours = features.to_levels(features.log_mel(load(str(path), 3.0))).astype(int)
        difference = np.abs(ours - levels[names.index(path.stem)].T)
        # the table was made without subtracting the offset, which moves some cells near the floor
        assert np.mean(difference > 1) < 0.01


def test_originals_of_more_than_three_seconds_give_the_golden_levels(originals):
    """Levels are relative to the loudest cell of the first 3 s, not of the whole recording."""
    golden = json.loads((Path(__file__).parent / "golden_crema_d.json").read_text())
    for name, levels in golden.items():
        path = originals / f"{name}.wav"
        assert soundfile.info(path).duration > 3
        audio = load(str(path), 3.0)
        np.testing.assert_allclose(features.log_mel(audio), librosa_log_mel(audio), atol=1e-3)
        ours = features.to_levels(features.log_mel(audio)).astype(int)
        assert np.abs(ours[::16, ::8] - levels).max() <= 1


def test_windows_of_one_length_may_be_stacked(rng):
    stack = rng.normal(0, 0.1, (2, 3, 20_000)).astype(np.float32)
    for denoise in ("off", "gate"):
        together = features.mfcc(stack, denoise)
        assert together.shape == (2, 3, front_end.N_FRAMES, front_end.N_MELS)
        np.testing.assert_allclose(together[1, 2], features.mfcc(stack[1, 2], denoise), atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(gain_db=st.floats(-40, 20), denoise=st.sampled_from(["off", "gate"]))
def test_level_plays_no_role(gain_db, denoise):
    noise = np.random.default_rng(1).normal(0, 0.1, 30_000).astype(np.float32)
    scaled = noise * np.float32(10 ** (gain_db / 20))
    np.testing.assert_allclose(features.log_mel(scaled, denoise), features.log_mel(noise, denoise), atol=1e-3)


@pytest.mark.parametrize("denoise", ["off", "gate", "noisereduce"])
@pytest.mark.parametrize("n_samples", [48_000, 20_000])
def test_a_constant_offset_plays_no_role(samples, denoise, n_samples):
    audio = speech(samples)[0][:n_samples]
    expected = features.log_mel(audio, denoise)
    for offset in (0.01, -0.1, 0.9):
        np.testing.assert_allclose(features.log_mel(audio + np.float32(offset), denoise), expected, atol=0.1)
    padding = features.true_frames(n_samples) + 2
    assert (expected[padding:] == front_end.FLOOR_DB).all()


def test_mel_filters_equal_librosa():
    np.testing.assert_allclose(
        features.mel_filters().T, librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=128), atol=1e-7
    )


def test_rotation_keeps_everything(rng):
    bands = rng.uniform(-80, 0, (188, 128)).astype(np.float32)
    back = librosa.feature.inverse.mfcc_to_mel(features.rotate(bands).T, n_mels=128)
    np.testing.assert_allclose(librosa.power_to_db(back, ref=1.0, top_db=None).T, bands, atol=1e-2)


def test_levels_round_trip_within_half_a_level(rng):
    bands = rng.uniform(-80, 0, (188, 128)).astype(np.float32)
    bands[100:] = -80
    back = features.from_levels(features.to_levels(bands))
    assert np.abs(back - bands).max() <= 80 / 256
    assert (back[100:] == -80).all()
    assert features.to_levels(np.zeros(1, np.float32)) == 255


@pytest.mark.parametrize("n_samples", [1, 255, 256, 20_000, 48_000])
def test_true_frames_are_those_that_librosa_centres_on_audio(n_samples):
    assert (
        features.true_frames(n_samples)
        == librosa.stft(np.ones(n_samples), n_fft=1024, hop_length=256).shape[1]
    )


def test_zeros_are_at_the_floor():
    assert (features.log_mel(np.zeros(48_000, np.float32)) == front_end.FLOOR_DB).all()
    assert (features.log_mel(np.zeros(48_000, np.float32), "gate") == front_end.FLOOR_DB).all()


def test_decoding_does_not_change_the_features(tmp_path, rng):
    noise = rng.normal(0, 0.1, 30_000).clip(-1, 1).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(
        features.log_mel(load(str(tmp_path / "a.wav"), 3.0)), features.log_mel(noise)
    )
