"""Attributes of clips from a table beside the audio: folds, listeners' votes, sex, age, race, ethnicity and others.

The table is `attributes.csv`, or CREMA-D's own `VideoDemographics.csv`, in the corpus's folder or the one above it.
It has a column `file` or `clip`, with or without folder and suffix, or a column of speakers; every other column is an
attribute. `votes_<label>` are the numbers of listeners who chose a label.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ser_batch.corpora.clips import Clip, canonical, plain, stem
from ser_batch.errors import SerBatchError
from ser_batch.inputs.tables import read_table

TABLES = ("attributes.csv", "VideoDemographics.csv")
KNOWN = {"file", "clip", "speaker", "actor", "actorid", "label", "emotion"}  # what the clips have already


def with_attributes(clips: list[Clip], root: str | os.PathLike[str]) -> list[Clip]:
    """Add the attributes of the tables beside a corpus to its clips.

    Raises:
        SerBatchError: a table has no column of files or speakers, or the one in the folder itself fits no clip.
    """
    folder = Path(root).absolute()
    for name in TABLES:
        place = next((each for each in (folder, folder.parent) if (each / name).is_file()), None)
        if place:
            by, rows = _read(str(place / name))
            found = [rows.get(clip.speaker if by == "speaker" else stem(clip.name), {}) for clip in clips]
            if place == folder and not any(found):
                raise SerBatchError(
                    f"{place / name}: no row is about a clip here: give file names in the column file"
                )
            clips = [
                replace(clip, attributes=clip.attributes | more)
                for clip, more in zip(clips, found, strict=True)
            ]
    return clips


def _read(path: str) -> tuple[str, dict[str, dict[str, str]]]:
    """The key of a table, `file` or `speaker`, and the attributes by file name without suffix, or by speaker."""
    for key in ("file", "clip"):
        try:
            return "file", {stem(str(row[key])): _attributes(row) for _, row in read_table(path, (key,))}
        except SerBatchError:
            continue
    return "speaker", {str(row["speaker"]): _attributes(row) for _, row in read_table(path, ("speaker",))}


def _attributes(row: dict[str, Any]) -> dict[str, str]:
    attributes = {}
    for column, value in row.items():
        name, text = plain(column), str(value or "").strip()
        vote = name.removeprefix("votes_")
        if vote != name:
            name = f"vote_{canonical(vote) or vote}"
        if name not in KNOWN:
            attributes[name] = text.lower() if name == "sex" else text
    return attributes
