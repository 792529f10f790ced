import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding import ogg
from ser_batch.audio.decoding.common import DecodeError
from tests.decoding import decode, write
from tests.media import write_media

RATE = 16_000


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
class TestOgg:
    @pytest.fixture
    def data(self, tmp_path, speech, subtype):
        soundfile.write(tmp_path / "a.ogg", speech, RATE, format="OGG", subtype=subtype)
        return (tmp_path / "a.ogg").read_bytes()

    def test_recordings_joined_into_one_file_are_all_read(self, tmp_path, speech, data):
        assert len(decode(write(tmp_path / "a.ogg", data * 3))) == 3 * len(speech)

    def test_recordings_of_another_rate_are_resampled(self, tmp_path, speech, subtype, data):
        soundfile.write(tmp_path / "b.ogg", speech, 24_000, format="OGG", subtype=subtype)
        found = decode(write(tmp_path / "a.ogg", data + (tmp_path / "b.ogg").read_bytes()))
        assert len(found) == pytest.approx(len(speech) + len(speech) * 16 / 24, abs=2)

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


def test_flac_in_ogg_is_decoded_by_the_extra(tmp_path, speech):
    pytest.importorskip("av", reason="needs PyAV: pip install 'ser-batch[av]'")
    write_media(tmp_path / "a.oga", "flac", speech[None], RATE, container="ogg")
    np.testing.assert_allclose(decode(tmp_path / "a.oga"), speech, atol=1e-4)
    data = (tmp_path / "a.oga").read_bytes()
    for damaged in (data[: len(data) // 2], data[:9_000] + b"x" + data[9_001:]):
        with pytest.raises(DecodeError, match="damaged"):
            decode(write(tmp_path / "a.oga", damaged))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg, whose Speex encoder PyAV lacks")
def test_speex_in_ogg_is_decoded_by_the_extra(tmp_path, speech):
    pytest.importorskip("av", reason="needs PyAV: pip install 'ser-batch[av]'")
    soundfile.write(tmp_path / "a.wav", speech, RATE)
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-c:a", "libspeex", tmp_path / "a.spx"]
    subprocess.run(command, check=True)
    assert len(decode(tmp_path / "a.spx")) == pytest.approx(len(speech), abs=640)


@pytest.mark.parametrize("first", [b"\x7fFLAC\x01\x00", b"Speex   1.2"])
def test_without_the_extra_the_message_names_it(tmp_path, monkeypatch, first):
    monkeypatch.setitem(sys.modules, "av", None)
    page = b"OggS\0\x06" + bytes(20) + bytes((1, len(first))) + first
    page = page[:22] + ogg.checksum(page) + page[26:]
    with pytest.raises(DecodeError, match=r"in Ogg.*pip install 'ser-batch\[av\]'"):
        decode(write(tmp_path / "a.ogg", page))


@pytest.mark.parametrize("length", [4, 20, 26, 27])
def test_a_file_that_ends_within_the_first_header(tmp_path, length):
    with pytest.raises(DecodeError, match="not audio"):
        decode(write(tmp_path / "a.ogg", (b"OggS\0\2" + bytes(40))[:length]))
