"""SAVEE: four men, seven emotions (Haq and Jackson 2009; kahlan.eps.surrey.ac.uk/savee).

Names, from the corpus's `AudioData/Info.txt`: the folders DC, JE, JK and KL are the speakers, and `sa03.wav`
is the third sentence of sadness. A widespread copy has them in one folder as `DC_sa03.wav`.
"""

import re
from pathlib import Path

from ser_batch.corpora.clips import Clip, stem

NAME = "SAVEE"
SPEAKERS = frozenset({"DC", "JE", "JK", "KL"})

_FILE = re.compile(r"(?:([A-Z]{2})_)?(a|d|f|h|n|sa|su)(\d\d)")
_EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}


def parse(path: str, name: str) -> Clip | str | None:
    """Read a file name and its folder: the clip, or None where they are not SAVEE's."""
    match = _FILE.fullmatch(stem(path))
    if not match:
        return None
    prefix, emotion, sentence = match.groups()
    speaker = prefix or Path(path).absolute().parent.name
    if speaker not in SPEAKERS:
        return None
    return Clip(path, name, _EMOTIONS[emotion], speaker, {"sex": "male", "sentence": emotion + sentence})
