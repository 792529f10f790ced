"""Batches for training. The only place where clips are augmented."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import augment, features
from ser_batch.model.table import FeatureTable

AUGMENTATIONS = ("spectrogram", "waveform", "none")

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
# index of a clip in its table → its samples, float32 [n], 16 kHz mono
Audio = Callable[[int], Array]


class Batch(NamedTuple):
    """MFCCs `[clips, frames, 128]`, targets `[clips, n_classes]` that sum to 1, and the weights `[clips]`."""

    mfcc: Array
    targets: Array
    weights: Array


@dataclass(frozen=True)
class Batches:
    """The training clips in random order, augmented anew in each epoch, in batches of equal size.

    Cropped, a batch has fewer than 188 frames.

    Attributes:
        table: where the clips are.
        rows: which of them are for training.
        targets: `[clips of the table, n_classes]`, hard or soft.
        class_weights: `[n_classes]`, what a clip of each class counts.
        size: clips in a batch; the rest of an epoch that fills none is left for another epoch.
        augmentation: one of `AUGMENTATIONS`.
        strengths: of the spectrogram augmentation.
        seed: with an epoch's number it gives that epoch's batches, so that a resumed run sees the same ones.
        audio: for `waveform`, where the samples come from.
    """

    table: FeatureTable
    rows: Ints
    targets: Array
    class_weights: Array
    size: int
    augmentation: str
    strengths: augment.Strengths
    seed: int
    audio: Audio | None = None

    def __len__(self) -> int:
        return max(1, len(self.rows) // self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one epoch; each is made while the one before it is being trained on."""
        with ThreadPoolExecutor(1) as aside:
            batches = self._make(number)
            coming = aside.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = aside.submit(next, batches, None)
                yield batch

    def _make(self, number: int) -> Iterator[Batch]:
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(self.rows)
        for start in range(0, len(self) * self.size, self.size):
            rows = order[start : start + self.size]
            bands, targets = self._bands(rows, rng), self.targets[rows]
            if self.augmentation == "spectrogram":
                bands, _ = augment.spectrogram(bands, self.table.frames[rows], rng, self.strengths)
                if self.strengths.mixup:
                    bands, targets = augment.mixup(bands, targets, rng, self.strengths.mixup)
            yield Batch(features.rotate(bands), targets, targets @ self.class_weights)

    def _bands(self, rows: Ints, rng: np.random.Generator) -> Array:
        if self.augmentation != "waveform":
            return features.from_levels(self.table.levels[rows])
        assert self.audio is not None
        clips = [augment.waveform(self.audio(int(row)), rng)[: features.WINDOW_SAMPLES] for row in rows]
        return np.stack([features.log_mel(clip, self.table.denoise) for clip in clips])


def soft_targets(table: FeatureTable, labels: list[str], votes: float, smoothing: float) -> Array:
    """What the network shall answer for each clip of a table, `[clips, n_classes]`.

    Args:
        table: whose `vote_<label>` attributes count what listeners heard, where it has them.
        labels: the classes, in the network's order.
        votes: the share that the listeners' votes get beside the label (a clip without votes: its label alone).
        smoothing: the share that is spread over all classes.
    """
    hard = np.eye(len(labels))[[labels.index(label) for label in table.labels]]
    targets = hard
    if all(f"vote_{label}" in table.attributes for label in labels):
        counts = np.array([table.attributes[f"vote_{label}"] for label in labels]).T
        counts = np.where(counts == "", "0", counts).astype(float)
        total = counts.sum(axis=1, keepdims=True)
        heard = np.where(total > 0, counts / np.maximum(total, 1), hard)
        targets = (1 - votes) * hard + votes * heard
    return ((1 - smoothing) * targets + smoothing / len(labels)).astype(np.float32)


def balanced_weights(classes: Ints, n_classes: int) -> Array:
    """Weights `[n_classes]` under which every class of the training clips counts alike; their mean clip is 1."""
    counts = np.bincount(classes, minlength=n_classes)
    return (len(classes) / (n_classes * np.maximum(counts, 1))).astype(np.float32)
