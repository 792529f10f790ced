"""Feature tables: a corpus's clips as stored spectrograms, computed once and trained on many times."""

import json
import zipfile
from collections.abc import Sequence
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
    """The first 3.0 s of each clip of a corpus, with what is known about it; row i of every field is clip i.

    Attributes:
        corpus: what the corpus is called, e.g. `crema-d`.
        front_end: the recipe of the spectrograms, `ser_batch.audio.features.FRONT_END`.
        names: a name for each clip, the file's path under the corpus as a rule.
        labels: the emotion of each clip.
        speakers: who speaks in each clip.
        levels: uint8 `[clips, 188, 128]`, log-mel coded by `ser_batch.audio.features.to_levels`.
        frames: int `[clips]`, how many frames hold audio before the zero padding begins.
        attributes: more columns of text, such as `sex`, `sentence`, `fold` or the votes `vote_<label>`.
        denoise: the noise reduction that the audio went through, one of `ser_batch.audio.denoise.ENGINES`.
        paths: the audio file of each clip; empty for a stored table, which does not keep them.
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
        """Keep some of the clips: those of a mask, or those at the given indexes, in that order."""
        chosen = np.arange(len(self))[rows]
        return replace(
            self,
            names=_pick(self.names, chosen),
            labels=_pick(self.labels, chosen),
            speakers=_pick(self.speakers, chosen),
            levels=self.levels[chosen],
            frames=self.frames[chosen],
            attributes={name: _pick(column, chosen) for name, column in self.attributes.items()},
            paths=_pick(self.paths, chosen) if self.paths else [],
        )

    def where(self, column: str, value: str) -> "FeatureTable":
        """Keep the clips of one `label`, `speaker` or value of an attribute.

        Raises:
            SerBatchError: no such column, or no such clip.
        """
        columns = {**self.attributes, "label": self.labels, "speaker": self.speakers}
        if column not in columns:
            raise SerBatchError(f"{self.corpus} has no column {column}; it has {', '.join(columns)}.")
        mask = np.array(columns[column], str) == value
        if not mask.any():
            known = sorted(set(columns[column]))
            raise SerBatchError(f"{self.corpus} has no clip with {column}={value}, but {', '.join(known)}.")
        return self.select(mask)

    def log_mel(self, rows: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """Log-mel of some clips in dB: float32 `[clips, 188, 128]`."""
        return features.from_levels(self.levels[rows])

    def save(self, path: str | Path) -> None:
        """Write the table to one `.npz` file, whole or not at all.

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
            raise SerBatchError(f"{path}: the feature table cannot be written ({error.strerror}).") from error

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
                table = cls(
                    corpus=about["corpus"],
                    front_end=about["front_end"],
                    names=stored["names"].tolist(),
                    labels=stored["labels"].tolist(),
                    speakers=stored["speakers"].tolist(),
                    levels=stored["levels"],
                    frames=stored["frames"],
                    attributes={
                        name: stored[f"attribute_{i}"].tolist() for i, name in enumerate(about["attributes"])
                    },
                    denoise=about["denoise"],
                )
        except FileNotFoundError:
            raise SerBatchError(f"{path}: no such feature table.") from None
        except _NOT_A_TABLE as error:
            raise SerBatchError(
                f"{path} is not a feature table; make one with `ser-batch features CORPUS -o TABLE.npz`."
            ) from error
        if table.front_end != front_end.FRONT_END:
            raise SerBatchError(
                f"{path} was made with another front end; make it again with `ser-batch features`."
            )
        return table


def _pick(column: Sequence[str], rows: NDArray[np.int64]) -> list[str]:
    return [column[row] for row in rows]
