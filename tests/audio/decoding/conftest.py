import numpy as np
import pytest
import soundfile


@pytest.fixture
def speech(samples):
    """Five seconds of a voice at 16 kHz: a tone is too simple for codecs to vary their bit rate."""
    voice, rate = soundfile.read(samples / "radio" / "story.opus", dtype="float32", stop=48_000 * 5)
    return np.ascontiguousarray(voice[:: rate // 16_000])
