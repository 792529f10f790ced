"""EMO-DB, the Berlin database of emotional speech: ten speakers, German, seven emotions.

Burkhardt et al. 2005. File names, from emodb.bilderbar.info/docu: `03a01Fa.wav` is speaker, text, first letter of
the German word for the emotion (Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral) and version. Sex and age of
the speakers are from the same page.
"""

import re

from ser_batch.corpora.clips import Clip, stem

NAME = "EMO-DB"

_FILE = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])[a-z]?")
_EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgust",
    "A": "fear",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_AGES = {"03": 31, "08": 34, "09": 21, "10": 32, "11": 26, "12": 30, "13": 32, "14": 35, "15": 25, "16": 31}
_MEN = {"03", "10", "11", "12", "15"}


def parse(path: str, name: str) -> Clip | str | None:
    """Read the file name: the clip, or None where the file name is not EMO-DB's."""
    match = _FILE.fullmatch(stem(path))
    if not match or match[1] not in _AGES:
        return None
    speaker, text, emotion = match.groups()
    sex = "male" if speaker in _MEN else "female"
    attributes = {"sex": sex, "age": str(_AGES[speaker]), "sentence": text}
    return Clip(path, name, _EMOTIONS[emotion], speaker, attributes)
