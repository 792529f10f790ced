"""RAVDESS: 24 actors, English, two sentences, eight emotions.

Livingstone and Russo 2018, doi:10.1371/journal.pone.0196391. File names, from zenodo.org/records/1188976:
`03-01-06-02-01-01-12.wav` is modality, vocal channel, emotion, intensity, statement, repetition and actor; actors
with odd numbers are men. Only the audio-only recordings of speech are read: song is another task, and the videos
have the same sound.
"""

import re

from ser_batch.corpora.clips import Clip, stem

NAME = "RAVDESS"

_FILE = re.compile(r"(0[123])-(0[12])-0([1-8])-(0[12])-(0[12])-0([12])-([012]\d)")
_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprised")


def parse(path: str, name: str) -> Clip | str | None:
    """Read the file name: the clip, the reason to leave it out, or None where the name is not RAVDESS's."""
    match = _FILE.fullmatch(stem(path))
    if not match:
        return None
    modality, channel, emotion, level, sentence, repetition, actor = match.groups()
    if channel == "02":
        return "sung, not spoken"
    if modality != "03":
        return "not one of the audio-only recordings"
    attributes = {
        "sex": "male" if int(actor) % 2 else "female",
        "level": "strong" if level == "02" else "normal",
        "sentence": "dogs" if sentence == "02" else "kids",
        "repetition": repetition,
    }
    return Clip(path, name, _EMOTIONS[int(emotion) - 1], actor, attributes)
