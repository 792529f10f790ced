import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.audio.decoding import header
from ser_batch.audio.quality import Quality, from_header, measure

RATE = 8_000


def written(path, samples, subtype="PCM_16", rate=RATE):
    soundfile.write(path, samples, rate, subtype=subtype)
    return str(path)


def sine(seconds, level):
    return level * np.sin(2 * np.pi * 400 * np.arange(int(seconds * RATE)) / RATE)


def test_a_sine(tmp_path):
    found = measure(written(tmp_path / "a.wav", sine(2, 0.5)))
    assert (found.duration, found.sample_rate, found.channels) == (2.0, RATE, 1)
    assert found.rms_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert found.peak == pytest.approx(0.5, abs=1e-3)
    assert (found.clipped, found.silence) == (0, 0)


@given(loud=st.integers(1, 40), quiet=st.integers(0, 40))
def test_silence_is_counted_in_blocks(tmp_path_factory, loud, quiet):
    block = int(0.016 * RATE)
    rng = np.random.default_rng(0)
    samples = np.concatenate([0.3 * rng.standard_normal(loud * block), np.zeros(quiet * block)])
    path = written(tmp_path_factory.mktemp("quality") / "a.wav", samples, "FLOAT")
    assert measure(path).silence == pytest.approx(quiet / (loud + quiet))


def test_clipping_is_counted(tmp_path):
    loud = measure(written(tmp_path / "a.wav", np.clip(sine(1, 2), -1, 1)))
    # |sin| >= 1/2 for two thirds of the time
    assert loud.clipped == pytest.approx(2 / 3, abs=0.05)
    assert loud.peak == 1.0


@pytest.mark.parametrize(
    "samples", [np.zeros(RATE), np.full(RATE, 0.2), np.zeros(1)], ids=["0", "offset", "1"]
)
def test_silence(tmp_path, samples):
    assert measure(written(tmp_path / "a.wav", samples)).silence == 1


def test_the_digest_depends_on_the_samples_only(tmp_path):
    rng = np.random.default_rng(0)
    samples = rng.integers(-32_768, 32_768, 200_000).astype(np.int16)
    one = measure(written(tmp_path / "a.wav", samples))
    assert one.digest == measure(written(tmp_path / "b.flac", samples)).digest
    assert one.digest != measure(written(tmp_path / "c.wav", samples, rate=16_000)).digest
    assert one.digest != measure(written(tmp_path / "d.wav", samples[:-1])).digest


def test_a_file_that_cannot_be_read_gives_a_message(tmp_path):
    (tmp_path / "a.wav").write_text("dear diary")
    assert "not audio" in measure(str(tmp_path / "a.wav"))
    assert "No such file" in measure(str(tmp_path / "b.wav"))
    assert from_header(str(tmp_path / "a.wav")) == from_header(str(tmp_path / "b.wav")) == Quality()


def test_from_header(tmp_path):
    path = written(tmp_path / "a.wav", np.zeros((RATE, 2)))
    assert from_header(path) == Quality(1.0, RATE, 2)
    assert header.seconds(path) == 1.0
