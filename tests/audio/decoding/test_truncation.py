"""Whole files, and those that end too early: what the decoders below would pass over in silence."""

import os
import struct

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding import mp3
from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks

RATE = 16_000


def decode(path):
    sample_rate, audio = blocks(os.fspath(path))
    assert sample_rate == RATE
    return np.concatenate(list(audio))


@pytest.fixture
def speech(samples):
    """Five seconds: a voice, since a tone is too simple for codecs to vary their bit rate."""
    voice, rate = soundfile.read(samples / "radio" / "story.opus", dtype="float32", stop=48_000 * 5)
    return np.ascontiguousarray(voice[:: rate // RATE])


def write(path, data):
    path.write_bytes(data)
    return path


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


def test_a_streamed_flac_is_read_to_its_end(tmp_path, speech):
    soundfile.write(tmp_path / "a.flac", np.tile(speech, 4), RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # the number of samples, 36 bits: 0 says that it is not known
    data[22:26] = bytes(4)
    assert len(decode(write(tmp_path / "a.flac", data))) == 4 * len(speech)
    with pytest.raises(DecodeError, match=r"damaged or truncated: [\d.]+ s decoded;"):
        decode(write(tmp_path / "a.flac", data[:-1_000]))


def test_a_flipped_bit_in_a_flac_says_so(tmp_path, speech):
    soundfile.write(tmp_path / "a.flac", speech, RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[len(data) // 2] ^= 4
    with pytest.raises(DecodeError, match="damaged"):
        decode(write(tmp_path / "a.flac", data))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
class TestOgg:
    @pytest.fixture
    def data(self, tmp_path, speech, subtype):
        soundfile.write(tmp_path / "a.ogg", speech, RATE, format="OGG", subtype=subtype)
        return (tmp_path / "a.ogg").read_bytes()

    def test_recordings_joined_into_one_file_are_all_read(self, tmp_path, speech, data):
        assert len(decode(write(tmp_path / "a.ogg", data * 3))) == 3 * len(speech)

    def test_recordings_of_different_rates_are_refused(self, tmp_path, speech, subtype, data):
        soundfile.write(tmp_path / "b.ogg", speech, 24_000, format="OGG", subtype=subtype)
        with pytest.raises(DecodeError, match="changes from 16000 to 24000 Hz"):
            decode(write(tmp_path / "a.ogg", data + (tmp_path / "b.ogg").read_bytes()))

    def test_a_damaged_page_says_so(self, tmp_path, data):
        """Its decoder would leave the page out: a second less, and wrong times from there on."""
        damaged = bytearray(data)
        damaged[len(data) // 2] ^= 1
        with pytest.raises(DecodeError, match="damaged"):
            decode(write(tmp_path / "a.ogg", damaged))

    def test_a_last_page_that_is_not_marked_is_no_damage(self, tmp_path, speech, data):
        """As Android's recorders leave it: the file ends with a page."""
        whole = data[: data.rfind(b"OggS")]
        assert 0.5 * len(speech) < len(decode(write(tmp_path / "a.ogg", whole))) < len(speech)

    def test_what_follows_the_end_plays_no_role(self, tmp_path, speech, data):
        assert len(decode(write(tmp_path / "a.ogg", data + b"TAG" + bytes(100_000)))) == len(speech)


def xing(data):
    return max(data.find(b"Xing"), data.find(b"Info"))


def with_count(data, frames):
    at = xing(data) + 8
    return data[:at] + struct.pack(">I", frames) + data[at + 4 :]


class TestMp3:
    @pytest.fixture
    def data(self, tmp_path, speech):
        soundfile.write(tmp_path / "a.mp3", speech, RATE, format="MP3")
        return (tmp_path / "a.mp3").read_bytes()

    @pytest.mark.parametrize("frames", [0, 1, 2, 70, 139])
    def test_a_header_that_counts_too_few_frames(self, tmp_path, speech, data, frames):
        whole = decode(write(tmp_path / "a.mp3", data))
        assert len(whole) == len(speech)
        np.testing.assert_array_equal(decode(write(tmp_path / "b.mp3", with_count(data, frames))), whole)

    @pytest.mark.parametrize("frames", [142, 1_000, 2**31, 2**32 - 1])
    def test_a_header_that_counts_too_many(self, tmp_path, speech, data, frames):
        """What the encoder added at the end stays, for it is not known where the audio ended."""
        whole, found = (
            decode(write(tmp_path / "a.mp3", data)),
            decode(write(tmp_path / "b.mp3", with_count(data, frames))),
        )
        assert len(whole) <= len(found) < len(whole) + 2_400
        np.testing.assert_array_equal(found[: len(whole)], whole)

    def test_recordings_joined_into_one_file_are_all_read(self, tmp_path, speech, data):
        tag = b"ID3\x03\x00\x00\x00\x00\x07\x64" + bytes(7 * 128 + 100)
        for joined in (data * 3, (tag + data) * 3):
            found = decode(write(tmp_path / "b.mp3", joined))
            assert 3 * len(speech) <= len(found) < 3 * len(speech) + 3 * 2_400

    def test_no_header_and_a_variable_bit_rate(self, tmp_path, speech, data):
        frame = data[:3]
        bare = data[mp3.frame_lengths(frame)[frame] :]
        for tags in (b"", b"TAG" + bytes(125)):
            found = decode(write(tmp_path / "b.mp3", bare + tags))
            assert len(speech) <= len(found) < len(speech) + 2_400

    @pytest.mark.parametrize(
        ("channels", "rate"), [(1, 44_100), (2, 44_100), (1, 22_050), (2, 16_000), (2, 8_000)]
    )
    def test_no_header_in_every_layout(self, tmp_path, speech, channels, rate):
        soundfile.write(tmp_path / "a.mp3", np.stack([speech] * channels, axis=1), rate, format="MP3")
        data = (tmp_path / "a.mp3").read_bytes()
        bare = data[mp3.frame_lengths(data[:3])[data[:3]] :]
        write(tmp_path / "a.mp3", bare)
        sample_rate, audio = blocks(os.fspath(tmp_path / "a.mp3"))
        assert sample_rate == rate
        assert len(speech) <= sum(map(len, audio)) < len(speech) + 3_600

    def test_a_hole_says_so(self, tmp_path, data):
        holed = data[:9_000] + bytes(5_000) + data[14_000:]
        with pytest.raises(DecodeError, match="damaged"):
            decode(write(tmp_path / "a.mp3", holed))

    def test_the_length_of_every_frame_is_that_of_the_standard(self):
        lengths = mp3.frame_lengths(b"\xff\xfb\x90")  # MPEG 1, 44.1 kHz
        assert lengths[b"\xff\xfb\x90"] == 417  # 128 kbit/s
        assert lengths[b"\xff\xfb\x92"] == 418  # padded
        assert mp3.frame_lengths(b"\xff\xf3\x48")[b"\xff\xf3\x48"] == 144  # MPEG 2, 16 kHz, 32 kbit/s
        for other in (b"", b"RIF", b"\xff\xf1\x50", b"\xff\xfe\x41", b"\xff\xfb\xfc", b"\xff\xeb\x90"):
            assert not mp3.frame_lengths(other)
