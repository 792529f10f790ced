"""Teacher for distillation: a pretrained encoder's representation of each clip.

Predicting its inner representation (A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015) needs no
labels, so nothing about the emotion of a held-out speaker can leak through it. For labels see `soft_labels`.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError

WHISPER = "Whisper tiny.en, encoder: A. Radford et al., 2022. MIT licence, © 2022 OpenAI."
FRAMES_A_SECOND = 25
N_FRAMES = int(front_end.WINDOW_SECONDS * FRAMES_A_SECOND)
FRAME_COMPONENTS = 96
CLIP_COMPONENTS = 64
CLIPS_TOGETHER = 64
PCA_CLIPS = 1_500

Array = NDArray[np.float32]


@dataclass
class Teacher:
    """Principal components of a teacher's representation, half whitened, of unit variance in all.

    Attributes:
        source: what the teacher is, with its licence; for the card.
        names: of the clips, as in their feature table.
        frames: float16 `[clips, 75, 96]`, 25 frames a second.
        clips: float32 `[clips, 64]`, of the statistics.
        statistics: float16 `[clips, 3072]`, mean and deviation over each clip's true frames, as they are.
    """

    source: str
    names: list[str]
    frames: NDArray[np.float16]
    clips: Array
    statistics: NDArray[np.float16]

    @property
    def widths(self) -> dict[str, int]:
        """Number of components of each frame and of the whole clip."""
        return {"frames": self.frames.shape[-1], "clip": self.clips.shape[-1]}

    def save(self, path: Path) -> None:
        """Write it to one `.npz` file."""
        np.savez(
            path,
            source=np.array(self.source),
            names=np.array(self.names),
            frames=self.frames,
            clips=self.clips,
            statistics=self.statistics,
        )

    @classmethod
    def load(cls, path: Path, table: FeatureTable) -> "Teacher":
        """Read the representation of the clips of a table, in the table's order.

        Raises:
            SerBatchError: the file holds no teacher, or some clip is missing in it.
        """
        try:
            with np.load(path) as stored:
                place = {name: row for row, name in enumerate(stored["names"].tolist())}
                rows = np.array([place[name] for name in table.names])
                arrays = [stored[name][rows] for name in ("frames", "clips", "statistics")]
                return cls(str(stored["source"]), table.names, *arrays)
        except KeyError as error:
            raise SerBatchError(
                f"{path}: no {error} in this teacher: make it again from this table (models/make_teacher.py)"
            ) from None
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise SerBatchError(
                f"{path}: not a teacher ({error}): make one with models/make_teacher.py"
            ) from error

    def at(self, rows: NDArray[np.int64], positions: Array) -> Array:
        """The representation of some clips at given times: float32 `[rows, times, 96]`.

        Args:
            rows: indexes of clips.
            positions: `[rows, times]`, in frames of our spectrogram; interpolated between the teacher's.
        """
        seconds = positions * (front_end.HOP / front_end.SAMPLE_RATE)
        place = np.clip(seconds * FRAMES_A_SECOND - 0.5, 0, N_FRAMES - 1.001)
        low = place.astype(np.int64)
        share = (place - low)[..., None].astype(np.float32)
        frames = self.frames[rows].astype(np.float32)
        clip = np.arange(len(rows))[:, None]
        return frames[clip, low] * (1 - share) + frames[clip, low + 1] * share


def from_whisper(weights: Path, table: FeatureTable) -> Teacher:
    """Compute the outputs of Whisper's encoder, as published, for the clips of a table.

    Raises:
        SerBatchError: the file is not the encoder of Whisper tiny.en.
    """
    from tqdm import tqdm

    from ser_batch.training.networks import whisper_encoder

    encoder = whisper_encoder.encoder(weights)
    width = whisper_encoder.LAYERS * whisper_encoder.WIDTH
    encoded = np.empty((len(table), N_FRAMES, width), np.float16)
    for start in tqdm(range(0, len(table), CLIPS_TOGETHER), desc="teacher", unit="batch", disable=None):
        levels = table.levels[start : start + CLIPS_TOGETHER]
        outputs = encoder.predict_on_batch(features.from_levels(levels))
        together = np.concatenate(outputs, axis=-1)
        encoded[start : start + CLIPS_TOGETHER] = together.reshape(len(levels), N_FRAMES, 2, -1).mean(axis=2)
    return _components(encoded, table)


def _components(encoded: NDArray[np.float16], table: FeatureTable) -> Teacher:
    """Reduce `[clips, 75, width]` to its principal components."""
    seconds = table.frames * (front_end.HOP / front_end.SAMPLE_RATE)
    active = np.arange(N_FRAMES) < np.ceil(seconds * FRAMES_A_SECOND)[:, None]
    some = np.random.default_rng(0).permutation(len(table))[:PCA_CLIPS]
    project = _principal(encoded[some][active[some]][::3].astype(np.float32), FRAME_COMPONENTS)
    frames = np.stack([project(clip.astype(np.float32)).astype(np.float16) for clip in encoded])
    pooled = [clip[mask].astype(np.float32) for clip, mask in zip(encoded, active, strict=True)]
    statistics = np.stack([np.concatenate([clip.mean(axis=0), clip.std(axis=0)]) for clip in pooled])
    clips = _principal(statistics, CLIP_COMPONENTS)(statistics)
    return Teacher(WHISPER, table.names, frames, clips, statistics.astype(np.float16))


def _principal(values: Array, n_components: int) -> Callable[[Array], Array]:
    """Fit principal components to `[rows, width]`; each keeps the root of its deviation, so that small ones count."""
    mean, deviation = values.mean(axis=0), values.std(axis=0) + 1e-3
    scaled = (values - mean) / deviation
    variances, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    variances, directions = variances[: -n_components - 1 : -1], directions[:, : -n_components - 1 : -1]
    basis = directions / variances**0.25
    basis /= np.sqrt(np.mean(np.sqrt(variances)))
    basis = (basis / deviation[:, None]).astype(np.float32)
    return lambda new: (new - mean) @ basis
