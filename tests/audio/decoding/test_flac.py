import os
import struct

import numpy as np
import pytest
import soundfile

from ser_batch.audio.decoding.common import DecodeError
from tests.decoding import decode, write

RATE = 16_000


def test_a_streamed_flac_is_read_to_its_end(tmp_path, speech):
    soundfile.write(tmp_path / "a.flac", np.tile(speech, 4), RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # the number of samples, 36 bits: 0 says that it is not known
    data[22:26] = bytes(4)
    assert len(decode(write(tmp_path / "a.flac", data))) == 4 * len(speech)
    with pytest.raises(DecodeError, match=r"damaged or truncated: 19\.\d+ s decoded of (19\.\d+|20\.00) s"):
        decode(write(tmp_path / "a.flac", data[:-1_000]))


def test_a_flipped_bit_in_a_flac_says_so(tmp_path, speech):
    soundfile.write(tmp_path / "a.flac", speech, RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[len(data) // 2] ^= 4
    with pytest.raises(DecodeError, match="damaged"):
        decode(write(tmp_path / "a.flac", data))


@pytest.fixture
def data(tmp_path, speech):
    soundfile.write(tmp_path / "a.flac", speech, RATE)
    return (tmp_path / "a.flac").read_bytes()


def with_total(data, total):
    return data[:21] + bytes((data[21] & 0xF0 | total >> 32,)) + struct.pack(">I", total) + data[26:]


@pytest.mark.parametrize("total", [1, 16_000, 79_999])
def test_a_header_that_promises_less_than_there_is(tmp_path, data, total):
    whole = decode(write(tmp_path / "a.flac", data))
    np.testing.assert_array_equal(decode(write(tmp_path / "a.flac", with_total(data, total))), whole)


def test_a_header_that_promises_more_than_there_is(tmp_path, data):
    with pytest.raises(DecodeError, match=r"5\.00 s decoded of 5\.50 s"):
        decode(write(tmp_path / "a.flac", with_total(data, 88_000)))


@pytest.mark.parametrize(
    "tail",
    [b"\0", b"\xff", b"TAG" + bytes(125), b"\xff\xf8" * 3_000, bytes(70_000)],
    ids=["zero", "ff", "ID3v1", "sync codes", "padding"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_bytes_behind_the_last_frame_are_ignored(tmp_path, data, tail, streamed):
    whole = decode(write(tmp_path / "a.flac", data))
    data = with_total(data, 0) if streamed else data
    np.testing.assert_array_equal(decode(write(tmp_path / "a.flac", data + tail)), whole)


def test_bytes_behind_a_truncated_stream_do_not_hide_that(tmp_path, data):
    with pytest.raises(DecodeError, match="damaged"):
        decode(write(tmp_path / "a.flac", data[:-3_000] + b"TAG" + bytes(125)))


def test_a_tag_before_the_stream(tmp_path, speech, data):
    tag = b"ID3\x03\0\0\0\0\x02\0" + bytes(256)
    assert len(decode(write(tmp_path / "a.flac", tag + data + b"TAG" + bytes(125)))) == len(speech)


def test_joined_streams_are_all_read(tmp_path, speech, data):
    soundfile.write(tmp_path / "b.flac", np.stack([speech] * 2, axis=1), 24_000)
    joined = write(tmp_path / "c.flac", data + data + (tmp_path / "b.flac").read_bytes())
    assert len(decode(joined)) == pytest.approx(2 * len(speech) + len(speech) * 16 / 24, abs=2)


@pytest.mark.parametrize("bits", [12, 15, 20])
def test_unusual_sample_sizes_need_the_extra(tmp_path, speech, bits):
    av = pytest.importorskip("av", reason="needs PyAV: pip install 'ser-batch[av]'")
    assert av
    write_flac(tmp_path / "a.flac", np.rint(speech[:32_000] * 2 ** (bits - 1)).astype(int), bits)
    np.testing.assert_allclose(decode(tmp_path / "a.flac"), speech[:32_000], atol=2.0**-bits)
    os.truncate(tmp_path / "a.flac", (tmp_path / "a.flac").stat().st_size // 2)
    with pytest.raises(DecodeError, match=r"damaged or truncated: .* s decoded"):
        decode(tmp_path / "a.flac")


def write_flac(path, samples, bits, block=4_096):
    """Write FLAC of any sample size: verbatim subframes, RFC 9639."""
    stream = int(f"{RATE:020b}" + "000" + f"{bits - 1:05b}" + f"{len(samples):036b}", 2).to_bytes(8)
    data = b"fLaC\x80\0\0\x22" + struct.pack(">HH", block, block) + bytes(6) + stream + bytes(16)
    for number, start in enumerate(range(0, len(samples), block)):
        part = samples[start : start + block]
        header = b"\xff\xf8\x70\0" + chr(number).encode() + struct.pack(">H", len(part) - 1)
        header += bytes((crc(header, 0x107, 8),))
        fields = "00000010" + "".join(f"{value & (1 << bits) - 1:0{bits}b}" for value in part.tolist())
        fields += "0" * (-len(fields) % 8)
        frame = header + int(fields, 2).to_bytes(len(fields) // 8)
        data += frame + crc(frame, 0x18005, 16).to_bytes(2)
    path.write_bytes(data)


def crc(data, polynomial, width):
    value = 0
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (width - 1) & 1 else 0)
    return value


@pytest.mark.parametrize("length", [4, 8, 20, 42, 60])
def test_a_file_that_ends_within_the_header(tmp_path, data, length):
    with pytest.raises(DecodeError, match=r"damaged|not audio|no audio"):
        decode(write(tmp_path / "a.flac", data[:length]))
