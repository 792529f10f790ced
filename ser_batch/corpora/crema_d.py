"""CREMA-D: 91 actors, 12 sentences, six emotions (Cao et al. 2014, doi:10.1109/TAFFC.2014.2336244).

Names, from the corpus's README: `1001_IEO_ANG_HI.wav` is actor, sentence, emotion and level (LO, MD, HI,
XX for unspecified). The clone of github.com/CheyneyComputerScience/CREMA-D holds them as `AudioWAV` and
`AudioMP3`, and the actors' age and sex in `VideoDemographics.csv`.
"""

import re
from dataclasses import replace
from pathlib import Path

from ser_batch.corpora.clips import Clip, canonical, stem
from ser_batch.errors import SerBatchError
from ser_batch.inputs.lists import column, read_csv

NAME = "CREMA-D"
DEMOGRAPHICS = "VideoDemographics.csv"
SILENT = "1076_MTI_SAD_XX"  # in the official release

# One official file is called 1040_ITH_SAD_X.
_FILE = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)")


def parse(path: str, name: str) -> Clip | str | None:
    """Read a file name: the clip, the reason to leave it out, or None where the name is not CREMA-D's."""
    match = _FILE.fullmatch(stem(path))
    if not match:
        return None
    if match[0] == SILENT:
        return "silent in the official release"
    actor, sentence, emotion, level = match.groups()
    attributes = {"sentence": sentence, "level": "XX" if level == "X" else level}
    return Clip(path, name, canonical(emotion) or emotion, actor, attributes)


def with_demographics(clips: list[Clip], root: str) -> list[Clip]:
    """Return the clips with their actors' `sex` and `age`, if the clone's table is in `root` or above it."""
    actors: dict[str, dict[str, str]] = {}
    folder = Path(root).absolute()
    for table in (folder / DEMOGRAPHICS, folder.parent / DEMOGRAPHICS):
        if table.is_file():
            actors = _read_demographics(str(table))
            break
    return [replace(clip, attributes=clip.attributes | actors.get(clip.speaker, {})) for clip in clips]


def _read_demographics(table: str) -> dict[str, dict[str, str]]:
    rows = (row for _, row in read_csv(table))
    header = next(rows, [])
    places = [column(header, [name]) for name in ("actorid", "age", "sex")]
    if None in places:
        raise SerBatchError(f"{table}: not CREMA-D's table: it must have the columns ActorID, Age and Sex")
    actor, age, sex = (place or 0 for place in places)
    return {row[actor]: {"sex": row[sex].lower(), "age": row[age]} for row in rows if len(row) >= len(header)}
