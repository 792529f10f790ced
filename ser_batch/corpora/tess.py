"""TESS, the Toronto emotional speech set: two actresses, English, 200 words, seven emotions.

Pichora-Fuller and Dupuis 2010, doi:10.5683/SP2/E8H2MF. File names: `OAF_back_angry.wav` is actress (older or younger:
aged 64 and 26), word in the sentence "Say the word …", and emotion; `ps` is pleasant surprise. One official
file name lacks a letter: `OA_bite_neutral`. A widespread copy has every file twice; each is read once.
"""

import re

from ser_batch.corpora.clips import Clip, canonical, stem

NAME = "TESS"

_FILE = re.compile(r"(OAF?|YAF)_([a-z]+)_(angry|disgust|fear|happy|neutral|ps|sad)", re.IGNORECASE)
_AGES = {"OAF": "64", "YAF": "26"}


def parse(path: str, name: str) -> Clip | str | None:
    """Read the file name: the clip, or None where the file name is not TESS's."""
    match = _FILE.fullmatch(stem(path))
    if not match:
        return None
    actress, word, emotion = match.groups()
    speaker = "YAF" if actress.upper() == "YAF" else "OAF"
    attributes = {"sex": "female", "age": _AGES[speaker], "sentence": word.lower()}
    return Clip(path, name, canonical(emotion) or emotion, speaker, attributes)
