import struct

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding import mp3
from ser_batch.audio.decoding.common import DecodeError
from tests.decoding import decode, write

RATE = 16_000


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
        assert len(speech) <= len(decode(tmp_path / "a.mp3", rate)) < len(speech) + 3_600

    def test_a_hole_says_so(self, tmp_path, data):
        holed = data[:9_000] + bytes(5_000) + data[14_000:]
        with pytest.raises(DecodeError, match="damaged"):
            decode(write(tmp_path / "a.mp3", holed))

    def test_the_length_of_every_frame_is_that_of_the_standard(self):
        lengths = mp3.frame_lengths(b"\xff\xfb\x90")  # MPEG 1, 44.1 kHz
        assert lengths[b"\xff\xfb\x90"] == 417  # 128 kbit/s
        assert lengths[b"\xff\xfb\x92"] == 418  # padded
        assert mp3.frame_lengths(b"\xff\xf3\x48")[b"\xff\xf3\x48"] == 144  # MPEG 2, 16 kHz, 32 kbit/s
        for other in (b"", b"RIF", b"\xff\xf1\x50", b"\xff\xf8\x41", b"\xff\xfb\xfc", b"\xff\xeb\x90"):
            assert not mp3.frame_lengths(other)

    def test_layers_i_and_ii(self):
        assert mp3.frame_lengths(b"\xff\xfd\x84")[b"\xff\xfd\x84"] == 384  # II, 128 kbit/s, 48 kHz
        assert mp3.frame_lengths(b"\xff\xff\x84")[b"\xff\xff\x84"] == 256  # I, 256 kbit/s, 48 kHz
        assert b"\xff\xfd\x94" not in mp3.frame_lengths(b"\xff\xfd\x84")

    LEADING = {
        "a zero": b"\0",
        "zeros": bytes(5_000),
        "a frame header": b"\xff\xf3\x88\xc4" + bytes(50),
        "HTTP": b"ICY 200 OK\r\nicy-name: radio\r\nicy-br: 64\r\n\r\n",
        "noise": np.random.default_rng(0).bytes(30_000),
        "padding behind a tag": b"ID3\x03\0\0\0\0\x00\x10" + bytes(16 + 500),
        "half a tag": b"ID3\x03\0\0\0\0\x00\x10" + bytes(6),
        "a tag with a size beyond the file": b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + bytes(300),
    }

    @pytest.mark.parametrize("leading", LEADING)
    def test_bytes_before_the_first_frame_are_skipped(self, tmp_path, data, leading):
        whole = decode(write(tmp_path / "a.mp3", data))
        found = decode(write(tmp_path / "b.mp3", self.LEADING[leading] + data))
        np.testing.assert_array_equal(found, whole)

    @pytest.mark.parametrize("cut", [1, 10, 150, 700])
    def test_a_file_that_begins_inside_a_frame(self, tmp_path, speech, data, cut):
        found = decode(write(tmp_path / "a.mp3", data[cut:]))
        assert abs(len(found) - len(speech)) < 4 * 576 + 1_105

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ((1, 44_100), (2, 44_100)),
            ((2, 44_100), (1, 44_100)),
            ((1, 44_100), (1, 22_050)),
            ((2, 16_000), (1, 48_000)),
        ],
    )
    @pytest.mark.parametrize("header", [True, False])
    def test_runs_of_different_formats_are_all_read(self, tmp_path, speech, first, second, header):
        joined, seconds = b"", 0.0
        for channels, rate in (first, second, first):
            soundfile.write(tmp_path / "a.mp3", np.stack([speech] * channels, axis=1), rate, format="MP3")
            data = (tmp_path / "a.mp3").read_bytes()
            joined += data if header else data[mp3.frame_lengths(data[:3])[data[:3]] :]
            seconds += len(speech) / rate
        found = decode(write(tmp_path / "b.mp3", joined), first[1])
        assert seconds - 0.01 < len(found) / first[1] < seconds + 0.35
        level = len(speech) // 2  # the second run has the level of the first
        second_run = found[len(speech) + 4_000 :][: level * first[1] // second[1]]
        assert second_run.std() == pytest.approx(speech[:level].std(), rel=0.15)

    @pytest.mark.parametrize("counted", [20, 141, 1_000])
    def test_a_vbri_header(self, tmp_path, speech, data, counted):
        first = mp3.frame_lengths(data[:3])[data[:3]]
        bare = data[first:]
        fields = (
            b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(data), counted) + struct.pack(">HHHH", 1, 1, 2, 1)
        )
        header = (data[:4] + bytes(32) + fields).ljust(first, b"\0")
        found = decode(write(tmp_path / "a.mp3", header + bare))
        assert len(speech) - 4 * 576 <= len(found) < len(speech) + 2_400

    def test_other_data_with_a_few_frames_in_it_are_not_audio(self, tmp_path, data):
        noise = np.random.default_rng(0).bytes(400_000)
        with pytest.raises(DecodeError, match="not audio"):
            decode(write(tmp_path / "a.mp3", noise[:200_000] + data[:5_000] + noise[200_000:]))
