"""Batches of augmented clips for training: the only place where clips are augmented."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, augment_waveform, features, front_end
from ser_batch.audio.augment_spectrogram import blend, mixup_partners
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.training.options import TIME_STRIDE, TrainOptions
from ser_batch.training.teacher import Teacher
from ser_batch.training.views import Views

Array = NDArray[np.float32]
Ints = NDArray[np.int64]


class Batch(NamedTuple):
    """Inputs of the network, such as features `[clips, frames, 128]`; targets and weights of each output.

    `logits`: `[clips, n_classes]` that sum to 1, and `[clips]`. With a teacher, `frames`: `[clips, frames / 4, 96]`
    and `[clips, frames / 4]`, 0 for padding, mean 1; and `clip`: `[clips, 64]` and `[clips]`.
    """

    inputs: list[Array]
    targets: dict[str, Array]
    weights: dict[str, Array]


@dataclass(frozen=True)
class Batches:
    """The training clips in random order, augmented anew in each epoch, in batches of equal size.

    Cropped, a batch has fewer than 188 frames.

    Attributes:
        table: the corpus.
        rows: indexes of the training clips.
        targets: `[clips of the table, n_classes]`, hard or soft.
        class_weights: `[n_classes]`, the weight of a clip of each class.
        options: of the training stage; the augmentation `waveform` needs the table's audio files.
        seed: with an epoch's number it gives that epoch's batches, so that a resumed run sees the same ones.
        teacher: for distillation; its rows are the table's.
        noise: mel power of recorded noise, `[windows, 188, 128]`, that `spectrogram` adds.
        views: of the clips in other rooms.
    """

    table: FeatureTable
    rows: Ints
    targets: Array
    class_weights: Array
    options: TrainOptions
    seed: int = 0
    teacher: Teacher | None = None
    noise: Array | None = None
    views: Views | None = None

    @property
    def size(self) -> int:
        """Clips in a batch; an epoch leaves out the rest that does not fill a batch."""
        return min(self.options.batch_size, len(self.rows))

    def __len__(self) -> int:
        return max(1, len(self.rows) // self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one epoch; a thread makes each while the network trains on the one before."""
        with ThreadPoolExecutor(1) as thread:
            batches = self._make(number)
            following = thread.submit(next, batches, None)
            while (batch := following.result()) is not None:
                following = thread.submit(next, batches, None)
                yield batch

    def _make(self, number: int) -> Iterator[Batch]:
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(self.rows)
        for start in range(0, len(self) * self.size, self.size):
            yield self._batch(order[start : start + self.size], rng)

    def _batch(self, rows: Ints, rng: np.random.Generator) -> Batch:
        bands, frames, replaced = self._clips(rows, rng)
        positions = np.broadcast_to(np.arange(front_end.N_FRAMES, dtype=np.float32), bands.shape[:2])
        if self.options.augment == "spectrogram":
            bands, frames, positions = augment_spectrogram.augment(
                bands, frames, rng, self.options.augmentation, self.noise
            )
        targets = {"logits": self.targets[rows]}
        weights = {}
        if self.teacher:
            # the second of four frames lies next to the middle of the network's frame
            middle = slice(1, None, TIME_STRIDE)
            targets["frames"] = self.teacher.at(rows, positions[:, middle] + 0.5)
            targets["clip"] = self.teacher.clips[rows]
            active = np.arange(bands.shape[1])[middle] < frames[:, None]
            # the frames of a view with another speed or padding are not those of the teacher
            active &= ~replaced[:, None]
            # a mean of 1: Keras divides by the number of all frames, and few views must not mean a small loss
            frame_weights = active / max(active.mean(), 1 / active.size)
            weights = {"frames": frame_weights.astype(np.float32), "clip": np.ones(len(rows), np.float32)}
        pairs: list[Any] = []
        if self.options.augment == "spectrogram" and self.options.augmentation.mixup:
            share, other = mixup_partners(len(rows), rng, self.options.augmentation.mixup)
            targets = dict(zip(targets, blend([*targets.values()], share, other), strict=True))
            if self.options.mixup_behind_encoder:
                pairs = [share[:, None, None], other]
            else:
                (bands,) = blend([bands], share, other)
        weights["logits"] = targets["logits"] @ self.class_weights
        return Batch([features.network_input(bands, self.options.features), *pairs], targets, weights)

    def _clips(self, rows: Ints, rng: np.random.Generator) -> tuple[Array, Ints, NDArray[np.bool_]]:
        """Log-mel of some clips, their numbers of frames, and which of them are replaced by a view."""
        frames, replaced = self.table.frames[rows], np.zeros(len(rows), bool)
        if self.options.augment == "waveform":
            files = [load(self.table.paths[row], front_end.WINDOW_SECONDS) for row in rows]
            clips = [augment_waveform.augment(samples, rng)[: front_end.WINDOW_SAMPLES] for samples in files]
            return np.stack([features.log_mel(clip, self.table.denoise) for clip in clips]), frames, replaced
        levels = self.table.levels[rows]
        if self.views:
            replaced = rng.random(len(rows)) < self.options.rooms.share
            levels[replaced], frames[replaced] = self.views.draw(rows[replaced], rng)
        return features.from_levels(levels), frames, replaced


def soft_targets(table: FeatureTable, labels: list[str], votes: float, smoothing: float) -> Array:
    """Targets of the clips of a table, `[clips, n_classes]`: labels, listeners' votes, smoothing.

    Args:
        table: its `vote_<label>` attributes are the numbers of listeners who chose a label, where it has them.
        labels: the classes, in the network's order.
        votes: the share that the listeners' votes get beside the label (a clip without votes: its label alone).
        smoothing: the share that is spread over all classes.
    """
    hard = np.eye(len(labels))[[labels.index(label) for label in table.labels]]
    targets = hard
    none = ["0"] * len(table)
    if any(f"vote_{label}" in table.attributes for label in labels):
        counts = np.array([table.attributes.get(f"vote_{label}", none) for label in labels]).T
        counts = np.where(counts == "", "0", counts).astype(float)
        total = counts.sum(axis=1, keepdims=True)
        voted = np.where(total > 0, counts / np.maximum(total, 1), hard)
        targets = (1 - votes) * hard + votes * voted
    return ((1 - smoothing) * targets + smoothing / len(labels)).astype(np.float32)


def balanced_weights(targets: Array) -> Array:
    """Weights `[n_classes]` that give every class the same total weight; the mean over clips is 1.

    The targets, `[clips, n_classes]`, count, and not the labels: votes and soft labels have more of "neutral", which
    the network would prefer.
    """
    return (len(targets) / (targets.shape[1] * np.maximum(targets.sum(axis=0), 1))).astype(np.float32)
