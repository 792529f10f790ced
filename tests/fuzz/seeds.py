"""Files to mutate: the short samples, and two seconds of one of them in every format."""

from pathlib import Path

import numpy as np
import soundfile

from tests.fuzz.mutations import with_checksums
from tests.media import write_media

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
LARGEST_SAMPLE = 100_000
RATE = 16_000

BY_SOUNDFILE = [
    ("pcm16.wav", "WAV", "PCM_16"), ("pcm24.wav", "WAVEX", "PCM_24"), ("pcm8.wav", "WAV", "PCM_U8"),
    ("float.wav", "WAV", "FLOAT"), ("double.wav", "WAV", "DOUBLE"), ("ulaw.wav", "WAV", "ULAW"),
    ("ima.wav", "WAV", "IMA_ADPCM"), ("ms.wav", "WAV", "MS_ADPCM"), ("gsm.wav", "WAV", "GSM610"),
    ("big.wav", "RF64", "PCM_16"), ("pcm16.w64", "W64", "PCM_16"), ("pcm16.aiff", "AIFF", "PCM_16"),
    ("ima.aiff", "AIFF", "IMA_ADPCM"), ("pcm16.caf", "CAF", "PCM_16"), ("alac.caf", "CAF", "ALAC_16"),
    ("pcm16.au", "AU", "PCM_16"), ("g721.au", "AU", "G721_32"), ("pcm16.sph", "NIST", "PCM_16"),
    ("pcm16.voc", "VOC", "PCM_16"), ("pcm16.flac", "FLAC", "PCM_16"), ("pcm24.flac", "FLAC", "PCM_24"),
    ("vorbis.ogg", "OGG", "VORBIS"), ("opus.opus", "OGG", "OPUS"), ("layer3.mp3", "MP3", "MPEG_LAYER_III"),
]  # fmt: skip
BY_PYAV = [
    ("aac.m4a", "aac", "ipod", 16_000, {}), ("alac.m4a", "alac", "ipod", 16_000, {}),
    ("index first.m4a", "aac", "ipod", 16_000, {"movflags": "faststart"}),
    ("fragments.mp4", "aac", "mp4", 48_000, {"movflags": "frag_keyframe+empty_moov"}),
    ("pcm.mov", "pcm_s16le", "mov", 16_000, {}), ("aac.aac", "aac", "adts", 16_000, {}),
    ("opus.webm", "libopus", "webm", 48_000, {}), ("flac.mka", "flac", "matroska", 16_000, {}),
    ("wma.wma", "wmav2", "asf", 44_100, {}), ("amr.amr", "libopencore_amrnb", "amr", 8_000, {}),
    ("mp3.avi", "mp3", "avi", 16_000, {}), ("wavpack.wv", "wavpack", "wv", 16_000, {}),
    ("flac.oga", "flac", "ogg", 16_000, {}), ("int64.wav", "pcm_s64le", "wav", 16_000, {}),
]  # fmt: skip


def make_seeds(folder: Path) -> list[Path]:
    """Write the files; without PyAV, those that soundfile writes."""
    voice, rate = soundfile.read(
        SAMPLES / "radio" / "story.opus", dtype="float32", start=48_000, frames=96_000
    )
    voice = np.ascontiguousarray(voice[:: rate // RATE])
    for name, container, subtype in BY_SOUNDFILE:
        soundfile.write(folder / name, voice, RATE, format=container, subtype=subtype)
        (folder / name).write_bytes(_reproducible((folder / name).read_bytes()))
    soundfile.write(folder / "stereo.mp3", np.stack([voice, voice[::-1]], axis=1), 44_100, format="MP3")
    joined = (folder / "layer3.mp3").read_bytes() + (folder / "stereo.mp3").read_bytes()
    (folder / "joined.mp3").write_bytes(b"ICY 200 OK\r\n\r\n" + joined)
    (folder / "tail.flac").write_bytes((folder / "pcm16.flac").read_bytes() + b"TAG" + bytes(125))
    soundfile.write(folder / "inverted.wav", np.stack([voice, -voice], axis=1), RATE)
    try:
        for name, codec, container, rate, options in BY_PYAV:
            write_media(folder / name, codec, voice[None], rate, container=container, **options)
        write_media(folder / "video.mp4", "aac", voice[None], RATE, container="mp4", video=True, tracks=2)
    except ImportError:
        pass
    for sample in SAMPLES.glob("*/*"):
        if sample.stat().st_size < LARGEST_SAMPLE:
            (folder / f"sample {sample.name}").write_bytes(sample.read_bytes())
    return sorted(folder.iterdir())


def _reproducible(data: bytes) -> bytes:
    """Without the random number of an Ogg stream and the date in a float WAV: a seed shall give the same cases."""
    if data.startswith(b"OggS"):
        return with_checksums(data, serial=b"fuzz")
    peak = data.find(b"PEAK")
    return data[: peak + 12] + bytes(4) + data[peak + 16 :] if peak > 0 else data
