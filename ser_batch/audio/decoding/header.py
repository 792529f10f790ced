"""What an audio file's header tells without decoding it: a hint, since headers lie."""

import os
from dataclasses import dataclass
from pathlib import Path

import soundfile

from ser_batch.audio.decoding.common import UNCOUNTED


@dataclass(frozen=True, slots=True)
class Header:
    """Length in seconds, None where it is not told; sample rate in Hz; channels."""

    seconds: float | None
    sample_rate: int
    channels: int


def read(path: str | os.PathLike[str]) -> Header | None:
    """The header of a file; None where it is not libsndfile's to read."""
    try:
        with (
            Path(path).open("rb", buffering=0) as file,
            soundfile.SoundFile(file.fileno(), closefd=False) as sound,
        ):
            told = 0 < sound.frames < UNCOUNTED
            return Header(sound.frames / sound.samplerate if told else None, sound.samplerate, sound.channels)
    except (OSError, soundfile.LibsndfileError):
        return None


def seconds(path: str | os.PathLike[str]) -> float | None:
    """Length in seconds by the header; None where it does not tell, or is not libsndfile's to read."""
    header = read(path)
    return header.seconds if header else None
