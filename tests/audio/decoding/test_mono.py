"""Mono mix, and channels that cancel each other."""

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding.mono import Mixer
from tests.decoding import decode

RATE = 16_000


def mixed(tmp_path, channels):
    """The mono mix of a file of these channels, and whether they cancel."""
    soundfile.write(tmp_path / "a.wav", np.stack(channels, axis=1), RATE, subtype="FLOAT")
    mixer = Mixer()
    return decode(tmp_path / "a.wav", mixer=mixer), mixer.cancelling


@pytest.mark.parametrize("gain", [0.99, 0.8, 1.1])
def test_of_an_inverted_channel_and_its_twin_the_louder_is_taken(tmp_path, speech, rng, gain):
    noise = rng.normal(0, 0.001, (2, len(speech))).astype(np.float32)
    channels = [speech + noise[0], -gain * speech + noise[1]]
    found, cancelling = mixed(tmp_path, channels)
    assert cancelling
    quiet = np.abs(speech[: RATE // 2]).max() < 0.01  # what precedes the first sound may be the mean
    start = 32_768 if quiet else 0
    expected = channels[int(gain > 1)]
    np.testing.assert_allclose(found[start:], expected[start:], atol=1e-6)


def test_other_channels_are_averaged(tmp_path, speech, rng):
    silence, other = np.zeros_like(speech), np.roll(speech, 8_000)
    noise = rng.normal(0, 0.1, (6, len(speech))).astype(np.float32)
    for channels in ([speech, speech], [speech, silence], [speech, other], [silence, silence],
                     [speech, 0.5 * speech], [silence] * 5 + [speech], list(noise)):  # fmt: skip
        found, cancelling = mixed(tmp_path, channels)
        assert not cancelling
        np.testing.assert_allclose(found, np.mean(channels, axis=0), atol=1e-6)


def test_opposite_noise_below_the_level_of_silence_is_averaged(tmp_path, rng):
    noise = rng.normal(0, 1e-5, RATE).astype(np.float32)
    found, cancelling = mixed(tmp_path, [noise, -noise])
    assert not cancelling
    assert not found.any()
