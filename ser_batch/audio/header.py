"""The length that an audio file's header tells, without decoding it: a hint, since headers lie."""

import os
from pathlib import Path

import soundfile

from ser_batch.audio.decode import UNCOUNTED


def seconds(path: str | os.PathLike[str]) -> float | None:
    """Length in seconds by the header; None where it does not tell, or is not libsndfile's to read."""
    try:
        with (
            Path(path).open("rb", buffering=0) as file,
            soundfile.SoundFile(file.fileno(), closefd=False) as sound,
        ):
            return sound.frames / sound.samplerate if 0 < sound.frames < UNCOUNTED else None
    except (OSError, soundfile.LibsndfileError):
        return None
