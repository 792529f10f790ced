"""SAVEE: four men, English, seven emotions (Haq and Jackson 2009; kahlan.eps.surrey.ac.uk/savee).

File names, from the corpus's `AudioData/Info.txt`: the folders DC, JE, JK and KL are the speakers, and `sa03.wav`
is the third sentence of sadness. A widespread copy has all files in one folder, as `DC_sa03.wav`.
"""

import re
from pathlib import Path

from ser_batch.corpora.clips import LABELS, Clip, stem

NAME = "SAVEE"

_FILE = re.compile(r"(?:([A-Z]{2})_)?(a|d|f|h|n|sa|su)(\d\d)")
_SPEAKERS = {"DC", "JE", "JK", "KL"}
_CODES = ("a", "d", "f", "h", "n", "sa", "su")
_EMOTIONS = dict(zip(_CODES, (*LABELS, "surprised"), strict=True))


def parse(path: str, name: str) -> Clip | str | None:
    """Read the file name and its folder: the clip, or None where they are not SAVEE's."""
    match = _FILE.fullmatch(stem(path))
    if not match:
        return None
    prefix, emotion, sentence = match.groups()
    speaker = prefix or Path(path).absolute().parent.name
    if speaker not in _SPEAKERS:
        return None
    return Clip(path, name, _EMOTIONS[emotion], speaker, {"sex": "male", "sentence": emotion + sentence})
