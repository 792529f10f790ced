"""The samples in the repository: small, and of the described formats."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from ser_batch.inputs.find import find
from ser_batch.inputs.sources import Source


@pytest.fixture(scope="module")
def recordings(samples: Path) -> dict:
    found = list(find([samples]))
    assert all(isinstance(item, Source) for item in found)
    return {Path(item.path).relative_to(samples).as_posix(): soundfile.info(item.path) for item in found}


def test_there_is_speech_in_many_forms(recordings) -> None:
    formats = {(info.format, info.subtype) for info in recordings.values()}
    assert {"WAV", "FLAC", "AIFF"} <= {name for name, _ in formats}
    assert {("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")} <= formats
    assert {8_000, 16_000, 22_050, 44_100, 48_000} <= {info.samplerate for info in recordings.values()}
    assert {info.channels for info in recordings.values()} == {1, 2}
    assert any(Path(name).suffix == ".WAV" for name in recordings)
    assert any(" " in name for name in recordings)
    assert len({Path(name).parent for name in recordings}) >= 3


def test_short_ones_and_one_of_a_minute_are_there(recordings) -> None:
    durations = [info.frames / info.samplerate for info in recordings.values()]
    assert max(durations) >= 60
    assert min(durations) < 3
    assert len(durations) >= 10


def test_all_of_them_decode_to_speech(samples: Path, recordings) -> None:
    for name in recordings:
        audio, _ = soundfile.read(samples / name, always_2d=True)
        assert np.isfinite(audio).all()
        assert np.abs(audio).max(axis=0).min() > 0.2, name


def test_the_pause_is_a_second_of_silence_between_words(samples: Path) -> None:
    audio, rate = soundfile.read(samples / "diary" / "pause.wav")
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    gaps = np.diff(loud) / rate
    assert 1.0 <= gaps.max() < 2.0


def test_they_stay_small(samples: Path) -> None:
    assert sum(path.stat().st_size for path in samples.rglob("*") if path.is_file()) < 1_500_000


@pytest.fixture(scope="module")
def script(samples: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("make_samples", samples / "make_samples.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_rewritten_ogg_stream_is_valid_and_always_the_same(script: ModuleType, tmp_path: Path) -> None:
    tone = 0.5 * np.sin(np.arange(48_000) / 20)
    for name in ("a.ogg", "b.ogg", "a.opus", "b.opus"):
        script.write(tmp_path / name, tone, 48_000)
    assert (tmp_path / "a.ogg").read_bytes() == (tmp_path / "b.ogg").read_bytes()
    assert (tmp_path / "a.opus").read_bytes() == (tmp_path / "b.opus").read_bytes()
    audio, _ = soundfile.read(tmp_path / "a.ogg")
    assert len(audio) == len(tone)
    assert np.abs(audio - tone).max() < 0.1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_the_script_makes_them_again(
    script: ModuleType, samples: Path, recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["make_samples.py", str(tmp_path)])
    script.main()
    for name, info in recordings.items():
        made = soundfile.info(tmp_path / name)
        assert (made.format, made.samplerate, made.channels) == (info.format, info.samplerate, info.channels)
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == len(recordings)
