import os
import re

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks


def decode(path):
    sample_rate, audio = blocks(os.fspath(path))
    return sample_rate, np.concatenate(list(audio))


@pytest.fixture
def tone():
    return (0.3 * np.sin(2 * np.pi * 300 * np.arange(80_000) / 16_000)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_U8"), ("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "PCM_32"), ("a.wav", "FLOAT"),
        ("a.wav", "DOUBLE"), ("a.wav", "ULAW"), ("a.flac", "PCM_16"), ("a.flac", "PCM_24"), ("a.ogg", "VORBIS"),
        ("a.ogg", "OPUS"), ("a.mp3", "MPEG_LAYER_III"), ("a.aiff", "PCM_16"), ("a.w64", "PCM_16"),
        ("a.rf64", "PCM_16"), ("a.au", "PCM_16"), ("a.caf", "PCM_16"),
    ],
)  # fmt: skip
def test_formats(tmp_path, tone, name, subtype):
    soundfile.write(tmp_path / name, tone, 16_000, subtype=subtype)
    sample_rate, audio = decode(tmp_path / name)
    assert sample_rate == 16_000
    assert len(audio) == len(tone)
    assert np.corrcoef(audio, tone)[0, 1] > 0.95


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(tmp_path, tone, channels):
    loud = np.stack([tone * (k + 1) / channels for k in range(channels)], axis=1)
    soundfile.write(tmp_path / "a.wav", loud, 16_000, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "a.wav")[1], loud.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 192_000])
def test_rate_is_the_file_s_own(tmp_path, tone, sample_rate):
    soundfile.write(tmp_path / "a.flac", tone, sample_rate)
    assert decode(tmp_path / "a.flac")[0] == sample_rate


@pytest.mark.parametrize(
    "name", ["with space.WAV", "new\nline.wav", 'quote",comma.wav', "ünï.wav", os.fsdecode(b"\xff.wav")]
)
def test_any_name(tmp_path, tone, name):
    soundfile.write(os.fsencode(tmp_path / name), tone, 16_000, format="WAV")
    assert len(decode(tmp_path / name)[1]) == len(tone)


def write(path, data):
    path.write_bytes(data)
    return path


def test_files_that_are_no_audio_say_why(tmp_path):
    for data, reason in [
        (b"", "0 bytes"),
        (b"dear diary", "not audio"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 81964\n", "git lfs pull"),
    ]:
        with pytest.raises(DecodeError, match=reason):
            decode(write(tmp_path / "a.wav", data))


def test_truncated_flac_says_so(tmp_path, tone):
    soundfile.write(tmp_path / "a.flac", tone, 16_000)
    data = (tmp_path / "a.flac").read_bytes()
    for share in (0.3, 0.5, 0.9):
        with pytest.raises(
            DecodeError, match=r"damaged or truncated: ([\d.]+) s decoded of 5\.00 s"
        ) as raised:
            decode(write(tmp_path / "b.flac", data[: int(len(data) * share)]))
        decoded = float(re.search(r"([\d.]+) s decoded", str(raised.value))[1])
        assert 5 * share - 0.5 < decoded < 5 * share + 0.3


def test_samples_that_are_not_finite(tmp_path, tone):
    tone[1234] = np.nan
    soundfile.write(tmp_path / "a.wav", tone, 16_000, subtype="FLOAT")
    with pytest.raises(DecodeError, match="not finite"):
        decode(tmp_path / "a.wav")


def test_header_without_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)
    with pytest.raises(DecodeError, match="no audio samples"):
        decode(tmp_path / "a.wav")


def test_absurd_rate(tmp_path, tone):
    soundfile.write(tmp_path / "a.wav", tone, 3)
    with pytest.raises(DecodeError, match="3 Hz"):
        decode(tmp_path / "a.wav")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "a.wav")
