"""EMO-DB, the Berlin database of emotional speech: ten speakers, German, seven emotions.

Burkhardt et al. 2005. Names, from emodb.bilderbar.info/docu: `03a01Fa.wav` is the speaker, the text, the
first letter of the German word for the emotion (F for Freude, joy), and a letter for the version. The sex and
age of the speakers are from the same page.
"""

import re

from ser_batch.corpora.clips import Clip, stem

NAME = "EMO-DB"

_FILE = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])[a-z]?")
_EMOTIONS = {
    "W": "angry",  # Wut
    "L": "bored",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}
_SPEAKERS = {
    "03": ("male", "31"),
    "08": ("female", "34"),
    "09": ("female", "21"),
    "10": ("male", "32"),
    "11": ("male", "26"),
    "12": ("male", "30"),
    "13": ("female", "32"),
    "14": ("female", "35"),
    "15": ("male", "25"),
    "16": ("female", "31"),
}


def parse(path: str, name: str) -> Clip | str | None:
    """Read a file name: the clip, or None where the file name is not EMO-DB's."""
    match = _FILE.fullmatch(stem(path))
    if not match or match[1] not in _SPEAKERS:
        return None
    speaker, text, emotion = match.groups()
    sex, age = _SPEAKERS[speaker]
    return Clip(path, name, _EMOTIONS[emotion], speaker, {"sex": sex, "age": age, "sentence": text})
