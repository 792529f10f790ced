"""Length, sample rate and channels from a file's header, without decoding: estimates, since headers can be wrong."""

import os
from dataclasses import dataclass
from pathlib import Path

import soundfile

from ser_batch.audio.decoding.common import UNKNOWN_FRAMES
from ser_batch.stretches import split


@dataclass(frozen=True, slots=True)
class Header:
    """Length in seconds, None if unknown; sample rate in Hz; number of channels."""

    seconds: float | None
    sample_rate: int
    channels: int


def read(path: str | os.PathLike[str]) -> Header | None:
    """Read the header of a file, or of the file of a stretch; None if libsndfile cannot read it."""
    stretch = split(os.fspath(path))
    try:
        with (
            Path(stretch.path).open("rb", buffering=0) as file,
            soundfile.SoundFile(file.fileno(), closefd=False) as sound,
        ):
            known = 0 < sound.frames < UNKNOWN_FRAMES
            seconds = sound.frames / sound.samplerate if known else stretch.end
            if seconds is not None:
                seconds = max(0.0, min(seconds, stretch.end or seconds) - stretch.start)
            return Header(seconds, sound.samplerate, sound.channels)
    except (OSError, soundfile.LibsndfileError):
        return None


def seconds(path: str | os.PathLike[str]) -> float | None:
    """Length in seconds by the header; None if it is unknown or libsndfile cannot read the file."""
    header = read(path)
    return header.seconds if header else None
