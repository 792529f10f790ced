"""CREMA-D: 91 actors, English, 12 sentences, six emotions (Cao et al. 2014, doi:10.1109/TAFFC.2014.2336244).

File names, from the corpus's README: `1001_IEO_ANG_HI.wav` is actor, sentence, emotion and level (LO, MD, HI, XX for
unspecified). The repository github.com/CheyneyComputerScience/CREMA-D has them in the folders `AudioWAV` and
`AudioMP3`, and the actors' sex, age, race and ethnicity in `VideoDemographics.csv` (see `attributes`).
"""

import re

from ser_batch.corpora.clips import Clip, canonical, stem

NAME = "CREMA-D"
SILENT = "1076_MTI_SAD_XX"  # in the official release

# One official file is called 1040_ITH_SAD_X.
_FILE = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)")


def parse(path: str, name: str) -> Clip | str | None:
    """Read the file name: the clip, the reason to leave it out, or None where the name is not CREMA-D's."""
    match = _FILE.fullmatch(stem(path))
    if not match:
        return None
    if match[0] == SILENT:
        return "silent in the official release"
    actor, sentence, emotion, level = match.groups()
    attributes = {"sentence": sentence, "level": "XX" if level == "X" else level}
    return Clip(path, name, canonical(emotion) or emotion, actor, attributes)
