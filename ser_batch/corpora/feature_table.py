"""Feature table: the log-mel spectrograms of a corpus's clips with their labels, stored in one file."""

import json
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.errors import SerBatchError

FORMAT = "ser-batch feature table 1"

_NOT_A_TABLE = (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile)


@dataclass
class FeatureTable:
    """The first 3.0 s of each clip of a corpus as a spectrogram, with its labels; row i of every field is clip i.

    Attributes:
        corpus: name of the corpus, such as `CREMA-D`.
        front_end: parameters of the spectrograms, `ser_batch.audio.front_end.FRONT_END`.
        names: unique name of each clip, usually its path in the corpus without suffix.
        labels: emotion of each clip.
        speakers: speaker of each clip.
        levels: uint8 `[clips, 188, 128]`, log-mel coded by `ser_batch.audio.features.to_levels`.
        frames: int64 `[clips]`, number of frames before the zero padding.
        attributes: other columns of text, such as `sex`, `sentence`, `fold` or the votes `vote_<label>`.
        denoise: noise reduction of the audio, one of `ser_batch.audio.denoise.ENGINES`.
        paths: audio file of each clip; empty for a stored table, which does not keep them.
    """

    corpus: str
    front_end: dict[str, Any]
    names: list[str]
    labels: list[str]
    speakers: list[str]
    levels: NDArray[np.uint8]
    frames: NDArray[np.int64]
    attributes: dict[str, list[str]] = field(default_factory=dict)
    denoise: str = "off"
    paths: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "FeatureTable":
        """Keep some of the clips: those of a mask, or those at the given indices, in their order."""
        chosen = np.arange(len(self))[rows]

        def pick(column: list[str]) -> list[str]:
            return [column[row] for row in chosen] if column else []

        texts: dict[str, Any] = {
            name: pick(getattr(self, name)) for name in ("names", "labels", "speakers", "paths")
        }
        attributes = {name: pick(column) for name, column in self.attributes.items()}
        levels, frames = self.levels[chosen], self.frames[chosen]
        return replace(self, **texts, attributes=attributes, levels=levels, frames=frames)

    def where(self, column: str, value: str) -> "FeatureTable":
        """Keep the clips with one value in a column: `label`, `speaker` or an attribute.

        Raises:
            SerBatchError: no such column, or no such clip.
        """
        columns = {**self.attributes, "label": self.labels, "speaker": self.speakers}
        if column not in columns:
            raise SerBatchError(f"{self.corpus}: no column {column}: choose one of {', '.join(columns)}")
        mask = np.array(columns[column], str) == value
        if not mask.any():
            known = sorted(set(columns[column]))
            raise SerBatchError(
                f"{self.corpus}: no clip with {column}={value}: choose one of {', '.join(known)}"
            )
        return self.select(mask)

    def log_mel(self, rows: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """Log-mel of some clips in dB: float32 `[clips, 188, 128]`."""
        return features.from_levels(self.levels[rows])

    def save(self, path: str | Path) -> None:
        """Write the table to one `.npz` file, complete or not at all.

        Raises:
            SerBatchError: the file cannot be written.
        """
        path = Path(path)
        about = {
            "format": FORMAT,
            "corpus": self.corpus,
            "front_end": self.front_end,
            "denoise": self.denoise,
            "attributes": list(self.attributes),
        }
        texts = {"names": self.names, "labels": self.labels, "speakers": self.speakers}
        texts |= {f"attribute_{i}": column for i, column in enumerate(self.attributes.values())}
        arrays: dict[str, Any] = {name: np.array(column, str) for name, column in texts.items()}
        partial = path.with_name(path.name + ".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez_compressed(
                    file, about=np.array(json.dumps(about)), levels=self.levels, frames=self.frames, **arrays
                )
            partial.replace(path)
        except OSError as error:
            raise SerBatchError(
                f"{path}: cannot be written ({error.strerror}): choose another file with -o"
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> "FeatureTable":
        """Read a table that `save` wrote.

        Raises:
            SerBatchError: no such file, it is not a feature table, or it was made with another front end.
        """
        try:
            with np.load(path) as stored:
                about = json.loads(str(stored["about"]))
                if about["format"] != FORMAT:
                    raise ValueError(about["format"])
                names = about.pop("attributes")
                attributes = {name: stored[f"attribute_{i}"].tolist() for i, name in enumerate(names)}
                texts = {name: stored[name].tolist() for name in ("names", "labels", "speakers")}
                del about["format"]
                levels, frames = stored["levels"], stored["frames"]
                table = cls(**about, **texts, levels=levels, frames=frames, attributes=attributes)
        except FileNotFoundError:
            raise SerBatchError(
                f"{path}: no such feature table: make one with `ser-batch features CORPUS -o {path}`"
            ) from None
        except _NOT_A_TABLE as error:
            raise SerBatchError(
                f"{path}: not a feature table: make one with `ser-batch features CORPUS -o TABLE.npz`"
            ) from error
        if table.front_end != front_end.FRONT_END:
            raise SerBatchError(
                f"{path}: made with another front end: make it again with `ser-batch features`"
            )
        return table
