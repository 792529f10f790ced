import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding import header


@pytest.mark.parametrize("name", ["phone/booking.wav", "phone/voicemail.mp3", "radio/story.opus"])
def test_lengths_are_those_of_the_decoded_audio(samples, name):
    audio, rate = soundfile.read(samples / name)
    assert header.seconds(samples / name) == pytest.approx(len(audio) / rate, rel=0.02)


def test_what_does_not_tell(tmp_path):
    (tmp_path / "text.wav").write_text("dear diary")
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 16_000)
    for name in ("text.wav", "empty.wav", "nothing.wav", "missing.wav"):
        assert header.seconds(tmp_path / name) is None
