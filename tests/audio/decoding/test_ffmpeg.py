"""Decoding through PyAV of files that libsndfile does not know."""

import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest

from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks
from tests.decoding import decode
from tests.media import write_media

pytest.importorskip("av", reason="needs PyAV: pip install 'ser-batch[av]'")


def tone(seconds, sample_rate, channels=1):
    sweep = np.sin(2 * np.pi * (200 + 100 * np.arange(seconds * sample_rate) / sample_rate) * np.arange(
        seconds * sample_rate) / sample_rate)  # fmt: skip
    return np.tile(0.3 * sweep, (channels, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "codec", "sample_rate", "container", "late_by", "longer_by"),
    [
        # samples that the encoder puts before the audio and the file does not declare; and padding at the end
        ("a.m4a", "aac", 16_000, "ipod", 0, 1_024),
        ("a.mp4", "aac", 48_000, None, 0, 1_024),
        ("alac.m4a", "alac", 44_100, "ipod", 0, 0),
        ("a.mov", "pcm_s16le", 22_050, None, 0, 0),
        ("a.aac", "aac", 16_000, "adts", 1_024, 2_048),
        ("a.webm", "libopus", 48_000, None, 0, 0),
        ("a.mka", "flac", 16_000, "matroska", 0, 0),
        ("a.wma", "wmav2", 44_100, "asf", None, 0),
        ("a.amr", "libopencore_amrnb", 8_000, None, None, 320),
        ("a.wv", "wavpack", 16_000, None, 0, 0),
        ("a.avi", "mp3", 16_000, None, None, 2_048),
    ],
)  # fmt: skip
def test_formats(tmp_path, name, codec, sample_rate, container, late_by, longer_by):
    samples = tone(5, sample_rate)
    write_media(tmp_path / name, codec, samples, sample_rate, container=container)
    audio = decode(tmp_path / name, sample_rate)
    assert -2_048 < len(audio) - samples.shape[1] <= longer_by
    if late_by is not None:
        audio = audio[late_by : late_by + samples.shape[1]]
        assert np.corrcoef(audio, samples[0][: len(audio)])[0, 1] > 0.95


@pytest.mark.parametrize(
    ("channels", "codec", "name"), [(2, "aac", "a.m4a"), (6, "flac", "a.mka"), (2, "pcm_u8", "a.mov")]
)
def test_channels_are_averaged(tmp_path, channels, codec, name):
    samples = tone(2, 48_000, channels)
    samples[0] *= 0.5
    write_media(tmp_path / name, codec, samples, 48_000, container={"mka": "matroska"}.get(name[2:]))
    audio = decode(tmp_path / name, 48_000)[: samples.shape[1]]
    assert np.corrcoef(audio, samples[0])[0, 1] > 0.95
    assert audio.std() == pytest.approx(samples.mean(axis=0).std(), rel=0.1)


def test_the_level_does_not_depend_on_the_sample_format(tmp_path):
    samples = tone(1, 16_000)
    for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"):
        write_media(tmp_path / "a.mov", codec, samples, 16_000)
        np.testing.assert_allclose(decode(tmp_path / "a.mov"), samples[0], atol=0.01, err_msg=codec)


def test_a_codec_in_wav_that_libsndfile_does_not_know(tmp_path):
    write_media(tmp_path / "a.wav", "g722", tone(2, 16_000), 16_000, container="wav")
    assert len(decode(tmp_path / "a.wav")) == 32_000
    os.truncate(tmp_path / "a.wav", 8_000)
    with pytest.raises(DecodeError, match="damaged"):
        decode(tmp_path / "a.wav")


def test_a_rate_that_changes_is_resampled(tmp_path):
    for rate in (16_000, 24_000):
        write_media(tmp_path / f"{rate}.aac", "aac", tone(1, rate), rate, container="adts")
    joined = b"".join((tmp_path / f"{rate}.aac").read_bytes() for rate in (16_000, 24_000))
    (tmp_path / "a.aac").write_bytes(joined)
    assert len(decode(tmp_path / "a.aac", 16_000)) == pytest.approx(32_000, abs=4_096)


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "flac"])
def test_eight_channels(tmp_path, codec):
    samples = tone(2, 48_000, 8)
    write_media(tmp_path / "a.mka", codec, samples, 48_000, container="matroska")
    audio = decode(tmp_path / "a.mka", 48_000)[: samples.shape[1]]
    assert np.corrcoef(audio, samples[0])[0, 1] > 0.95
    assert audio.std() == pytest.approx(samples[0].std(), rel=0.1)


def test_integers_of_64_bits(tmp_path):
    write_media(tmp_path / "a.wav", "pcm_s64le", tone(1, 16_000), 16_000, container="wav")
    np.testing.assert_allclose(decode(tmp_path / "a.wav", 16_000), tone(1, 16_000)[0], atol=1e-3)


def test_the_audio_of_a_video(tmp_path):
    write_media(tmp_path / "a.mp4", "aac", tone(5, 16_000), 16_000, video=True)
    assert len(decode(tmp_path / "a.mp4")) == pytest.approx(80_000, abs=1_024)


def test_the_first_of_several_tracks(tmp_path):
    samples = tone(2, 16_000)
    write_media(tmp_path / "a.mka", "flac", samples, 16_000, container="matroska", tracks=3)
    np.testing.assert_allclose(decode(tmp_path / "a.mka"), samples[0], atol=1e-3)


def test_a_video_without_audio_says_so(tmp_path):
    write_media(tmp_path / "a.mp4", "aac", tone(1, 16_000), 16_000, video=True, tracks=0)
    with pytest.raises(DecodeError, match="no audio track"):
        decode(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.m4a", "aac", {"movflags": "faststart"}),
        ("a.webm", "libopus", {}),
        ("a.mka", "flac", {"container": "matroska"}),
        ("a.m4a", "aac", {}),
    ],
    ids=["index first", "webm", "mka", "index last"],
)
@pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
def test_a_truncated_file_says_so(tmp_path, name, codec, options, share):
    write_media(tmp_path / name, codec, tone(5, 48_000), 48_000, **options)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DecodeError, match=r"damaged or truncated|cut off"):
        decode(tmp_path / name, 48_000)


def test_a_video_may_be_longer_than_its_audio(tmp_path):
    write_media(
        tmp_path / "a.mkv", "flac", tone(1, 16_000)[:, :4_000], 16_000, container="matroska", video=True
    )
    assert len(decode(tmp_path / "a.mkv")) == 4_000


def test_a_playlist_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_media(tmp_path / "secret.aac", "aac", tone(1, 16_000), 16_000, container="adts")
    for text in ("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.aac\n#EXT-X-ENDLIST\n",
                 "ffconcat version 1.0\nfile secret.aac\n"):  # fmt: skip
        (tmp_path / "list.m4a").write_text(text)
        with pytest.raises(DecodeError, match="not audio"):
            decode(tmp_path / "list.m4a")


def test_tags_in_an_unknown_encoding_do_not_matter(tmp_path):
    write_media(tmp_path / "a.mka", "flac", tone(1, 16_000), 16_000, container="matroska", fflags="-bitexact")
    data = (tmp_path / "a.mka").read_bytes()
    assert b"ENCODER" in data
    (tmp_path / "a.mka").write_bytes(data.replace(b"Lavf", b"La\xff\xfe"))
    assert len(decode(tmp_path / "a.mka")) == 16_000


def test_long_files_are_streamed(tmp_path):
    """Frames are short; the blocks made of them are neither that short nor the whole file."""
    write_media(tmp_path / "a.m4a", "aac", tone(30, 16_000), 16_000)
    lengths = [len(block) for block in blocks(os.fspath(tmp_path / "a.m4a"))[1]]
    assert len(lengths) > 3
    assert max(lengths) < 70_000
    assert min(lengths[:-1]) >= 65_536


def test_without_the_extra_the_failure_names_it(tmp_path):
    write_media(tmp_path / "a.m4a", "aac", tone(1, 16_000), 16_000)
    code = f"""
import sys
sys.modules["av"] = None
from ser_batch.audio.decoding.decode import blocks
try:
    blocks({os.fspath(tmp_path / "a.m4a")!r})
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'ser-batch[av]'" in done.stdout


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_hidden_samples_are_not_missing_ones(tmp_path, rate):
    """Apple's encoder hides 2,112 samples with a tag: a quarter of a second at 8 kHz."""
    write_media(tmp_path / "a.m4a", "aac", tone(3, rate), rate, container="ipod", fflags="-bitexact")
    data = (tmp_path / "a.m4a").read_bytes()
    tag = f" 00000000 00000840 00000100 {3 * rate:016X}" + " 00000000" * 8
    fields = box(b"mean", bytes(4) + b"com.apple.iTunes") + box(b"name", bytes(4) + b"iTunSMPB")
    item = box(b"----", fields + box(b"data", b"\0\0\0\1" + bytes(4) + tag.encode()))
    (tmp_path / "a.m4a").write_bytes(insert(data, [b"moov", b"udta", b"meta", b"ilst"], item))
    assert 0 < 3 * rate - len(decode(tmp_path / "a.m4a", rate)) <= 2_112
    os.truncate(tmp_path / "a.m4a", len(data) // 2)
    with pytest.raises(DecodeError, match=r"damaged|cut off"):
        decode(tmp_path / "a.m4a", rate)


def box(name, content):
    return struct.pack(">I", 8 + len(content)) + name + content


def insert(data, path, item):
    """Add a box at the end of the box that `path` leads to."""
    if not path:
        return data + item
    at = 0
    while data[at + 4 : at + 8] != path[0]:
        at += int.from_bytes(data[at : at + 4])
    end, inner = at + int.from_bytes(data[at : at + 4]), at + 8 + 4 * (path[0] == b"meta")
    content = data[at + 8 : inner] + insert(data[inner:end], path[1:], item)
    return data[:at] + box(path[0], content) + data[end:]


@pytest.mark.parametrize(
    ("name", "container", "codec", "id_", "other"),
    [
        ("a.mka", "matroska", "flac", b"A_FLAC", b"A_XXXX"),
        ("a.avi", None, "mp3", b"\x55\0\1\0", b"\x56\x12\1\0"),
    ],
)
def test_a_codec_without_a_decoder_is_named_as_the_cause(tmp_path, name, container, codec, id_, other):
    write_media(tmp_path / name, codec, tone(1, 16_000), 16_000, container=container)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(id_, other))
    with pytest.raises(DecodeError, match="a codec that FFmpeg cannot decode: convert it"):
        decode(tmp_path / name)


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="needs ffmpeg, since PyAV cannot write such layouts"
)
@pytest.mark.parametrize("layout", ["FR+FL", "FC+FL+FR", "FL+FR+FC+LFE+SL+SR+BL+BR"])
def test_channels_in_an_unusual_order(tmp_path, layout):
    """In a process of its own, which PyAV's own handling of such layouts kills."""
    signal = "|".join(["0.3*sin(2*PI*300*t)"] * len(layout.split("+")))
    source = ["-f", "lavfi", "-i", f"aevalsrc={signal}:d=2:s=48000:c={layout}"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-c:a", "pcm_s16le", tmp_path / "a.mov"], check=True)
    code = "import sys; from tests.decoding import decode; print(len(decode(sys.argv[1], 48_000)))"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.mov"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "96000\n"
