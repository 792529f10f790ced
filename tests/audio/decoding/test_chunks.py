"""WAV, AIFF, CAF, …: complete, truncated, streamed, and with malformed chunks."""

import struct

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding.common import DecodeError
from tests.decoding import decode, write

RATE = 16_000


FORMATS = [
    ("a.wav", "WAV", "PCM_16"), ("x.wav", "WAVEX", "PCM_24"), ("a.rf64", "RF64", "PCM_16"), ("a.w64", "W64", "FLOAT"),
    ("a.aiff", "AIFF", "PCM_16"), ("a.au", "AU", "PCM_16"), ("a.sph", "NIST", "PCM_16"), ("a.caf", "CAF", "PCM_16"),
    ("a.flac", "FLAC", "PCM_16"), ("a.ogg", "OGG", "VORBIS"), ("a.opus", "OGG", "OPUS"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "container", "subtype"), FORMATS)
def test_a_truncated_file_says_so(tmp_path, speech, name, container, subtype):
    soundfile.write(tmp_path / name, speech, RATE, format=container, subtype=subtype)
    data = (tmp_path / name).read_bytes()
    assert len(decode(tmp_path / name)) == len(speech)
    for share in (0.3, 0.61, 0.95):
        with pytest.raises(DecodeError, match=r"damaged|truncated"):
            decode(write(tmp_path / name, data[: int(len(data) * share)]))


def test_it_says_how_much_is_there(tmp_path, speech):
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    data = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(DecodeError, match=r"truncated: 2\.50 s decoded"):
        decode(write(tmp_path / "a.wav", data[: len(data) // 2]))


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0xFFFF_F000, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000])
def test_the_header_of_a_streamed_wav_is_no_promise(tmp_path, speech, size):
    """FFmpeg, SoX and arecord write these when they cannot go back to the header."""
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[40:44] = struct.pack("<I", size)
    assert data[36:40] == b"data"
    assert len(decode(write(tmp_path / "a.wav", data))) == len(speech)


def test_a_wav_size_that_counts_the_header_in_is_no_promise(tmp_path, speech):
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[40:44] = struct.pack("<I", len(data))
    assert len(decode(write(tmp_path / "a.wav", data))) == len(speech)


def test_a_wav_that_was_never_closed_says_so(tmp_path, speech):
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[40:44] = bytes(4)
    with pytest.raises(DecodeError, match="header was never completed"):
        decode(write(tmp_path / "a.wav", data))


@pytest.mark.parametrize("first", [b"", b"JUNK" + struct.pack("<I", 13) + b"x" * 14, b"LIST\xff\xff\xff\x7f"])
def test_other_chunks_before_the_audio(tmp_path, speech, first):
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    data = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(DecodeError):
        decode(write(tmp_path / "a.wav", data[:12] + first + data[12:-1_000]))


def cue_chunk(says, has):
    points = b"".join(struct.pack("<II4sIII", k, 10 * k, b"data", 0, 0, 10 * k) for k in range(has))
    return b"cue " + struct.pack("<II", 4 + len(points), says) + points


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("says", [3, 100, 2_000, 2**31 - 1])
def test_a_cue_chunk_with_a_wrong_count_takes_no_audio_away(tmp_path, speech, container, says):
    soundfile.write(tmp_path / "a.wav", speech, RATE, format=container, subtype="PCM_16")
    whole = decode(tmp_path / "a.wav")
    data = (tmp_path / "a.wav").read_bytes()
    at = data.index(b"data")
    cue = cue_chunk(says, 3)
    text = b"LIST" + struct.pack("<I", 60_012) + b"INFOICMT" + struct.pack("<I", 60_000) + bytes(60_000)
    for changed in (data[:at] + cue + data[at:], data[:at] + cue + data[at:] + text, data + cue):
        np.testing.assert_array_equal(decode(write(tmp_path / "b.wav", changed)), whole)


def test_a_streamed_caf_is_read_to_its_end(tmp_path, speech):
    soundfile.write(tmp_path / "a.caf", speech, RATE, format="CAF", subtype="PCM_16")
    data = (tmp_path / "a.caf").read_bytes()
    at = data.index(b"data") + 4
    streamed = data[:at] + b"\xff" * 8 + data[at + 8 :]
    np.testing.assert_array_equal(
        decode(write(tmp_path / "b.caf", streamed)), decode(write(tmp_path / "a.caf", data))
    )


@pytest.mark.parametrize("name", [b"acid", b"PEAK", b"LIST", b"smpl", b"inst", b"bext", b"cart", b"xyz "])
@pytest.mark.parametrize("size", [0, 2, 8, 36])
def test_a_chunk_that_is_too_short_takes_no_audio_away(tmp_path, speech, name, size):
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    whole = decode(tmp_path / "a.wav")
    data = (tmp_path / "a.wav").read_bytes()
    at = data.index(b"data")
    changed = data[:at] + name + struct.pack("<I", size) + b"\xff" * size + data[at:] + b"LIST" + bytes(9_000)
    np.testing.assert_array_equal(decode(write(tmp_path / "b.wav", changed)), whole)


@pytest.mark.parametrize("name", [b"MARK", b"COMT", b"INST", b"ANNO", b"NAME"])
def test_chunks_of_an_aiff_take_no_audio_away(tmp_path, speech, name):
    soundfile.write(tmp_path / "a.aiff", speech, RATE)
    whole = decode(tmp_path / "a.aiff")
    data = (tmp_path / "a.aiff").read_bytes()
    at = data.index(b"SSND")
    chunk = name + struct.pack(">IH", 10, 500) + bytes(8)
    note = b"ANNO" + struct.pack(">I", 9_000) + b"x" * 9_000
    np.testing.assert_array_equal(
        decode(write(tmp_path / "b.aiff", data[:at] + chunk + data[at:] + note)), whole
    )
