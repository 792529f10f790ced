"""Turn the published log-mel table of CREMA-D into a feature table for `ser-batch train`.

    python models/import_crema_d.py FOLDER TABLE.npz

FOLDER holds `logmel_u8.npz` (`names` [clips], `mel` uint8 [clips, 128 bands, 188 frames], the front end of
`ser_batch.audio.features` without denoising) and `clips.csv` (one row a clip, with its row in the table).
Clips without a spectrogram are left out, and so is the one that is silent in the official release.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import FRONT_END, HOP, N_FRAMES, SAMPLE_RATE
from ser_batch.corpora import crema_d
from ser_batch.corpora.clips import LABELS, canonical
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError

# What clips.csv calls the crowd's votes for each label.
VOTES = {label: f"votes_{'anger' if label == 'angry' else label}" for label in LABELS}
DESCRIPTION = {"clip", "actor", "sentence", "emotion", "level", "fold", "duration_s", "row", "sex", "age"}


def main() -> None:
    """Read the two paths of the command line; write the table."""
    parser = argparse.ArgumentParser(description="Turn the log-mel table of CREMA-D into a feature table.")
    parser.add_argument("folder", type=Path, help="the folder with logmel_u8.npz and clips.csv")
    parser.add_argument("table", type=Path, help="the feature table to write, .npz")
    arguments = parser.parse_args()
    try:
        table = import_table(arguments.folder)
        table.save(arguments.table)
    except SerBatchError as error:
        sys.exit(f"Error: {error}")
    print(f"{arguments.table}: {len(table.names)} clips of {len(set(table.speakers))} actors")


def import_table(folder: Path) -> FeatureTable:
    """Read the published table.

    Raises:
        SerBatchError: a file is missing, or the two files do not belong together.
    """
    names, mel = read_spectrograms(folder / "logmel_u8.npz")
    clips = [row for row in read_clips(folder / "clips.csv") if row["row"] and row["clip"] != crema_d.SILENT]
    rows = [int(clip["row"]) for clip in clips]
    if [clip["clip"] for clip in clips] != [names[row] for row in rows if row < len(names)]:
        raise SerBatchError(
            f"{folder}: clips.csv does not describe logmel_u8.npz; take both from one release"
        )

    attributes = {key: [clip[key] for clip in clips] for key in ("age", "level", "sentence", "fold")}
    attributes["sex"] = [clip["sex"].lower() for clip in clips]
    attributes |= {f"vote_{label}": [clip[column] for clip in clips] for label, column in VOTES.items()}
    samples = np.array([round(float(clip["duration_s"]) * SAMPLE_RATE) for clip in clips], dtype=np.int64)
    return FeatureTable(
        corpus=crema_d.NAME,
        front_end=dict(FRONT_END),
        names=[clip["clip"] for clip in clips],
        labels=[canonical(clip["emotion"]) or clip["emotion"] for clip in clips],
        speakers=[clip["actor"] for clip in clips],
        levels=np.ascontiguousarray(mel[rows].transpose(0, 2, 1)),
        frames=np.minimum(N_FRAMES, 1 + samples // HOP),
        attributes=attributes,
    )


def read_spectrograms(path: Path) -> tuple[list[str], NDArray[np.uint8]]:
    """Read the names and the uint8 `[clips, 128 bands, 188 frames]` of the published table."""
    try:
        with np.load(path) as arrays:
            return [str(name) for name in arrays["names"]], arrays["mel"]
    except (OSError, KeyError, ValueError) as error:
        raise SerBatchError(f"{path}: cannot be read: {error}") from error


def read_clips(path: Path) -> list[dict[str, str]]:
    """Read the rows of the published list of clips."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = DESCRIPTION.union(VOTES.values()) - set(rows.fieldnames or ())
            if missing:
                raise SerBatchError(f"{path}: these columns are missing: {', '.join(sorted(missing))}")
            return list(rows)
    except OSError as error:
        raise SerBatchError(f"{path}: cannot be read: {error}") from error


if __name__ == "__main__":
    main()
