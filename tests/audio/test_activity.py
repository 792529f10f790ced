import numpy as np
import pytest

from ser_batch.audio.activity import speech_ratio


def noise(n_samples, level=0.1):
    return np.random.default_rng(0).normal(0, level, n_samples).astype(np.float32)


@pytest.mark.parametrize("silence", [
    np.zeros(48_000, np.float32),
    np.full(48_000, 0.5, np.float32),
    noise(48_000, 1 / 32_768),
    np.zeros(0, np.float32),
    np.zeros(1, np.float32),
    np.zeros(160, np.float32),
], ids=["zeros", "offset", "dither", "nothing", "one sample", "10 ms"])  # fmt: skip
def test_silence_has_none(silence):
    assert speech_ratio(silence) == 0


def test_share_of_sound():
    half = noise(48_000)
    half[24_000:] *= 1e-4
    assert speech_ratio(half) == pytest.approx(0.5, abs=0.01)
    assert speech_ratio(noise(48_000)) == 1


def test_level_plays_no_role_above_silence():
    audio = noise(48_000)
    audio[10_000:] *= 0.01
    assert speech_ratio(audio * 0.05) == speech_ratio(audio) == speech_ratio(audio * 3)


def test_short_sounds_count():
    assert speech_ratio(noise(160)) == 1
