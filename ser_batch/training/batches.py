"""Batches for training. The only place where clips are augmented."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, augment_waveform, features, front_end
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import UsageError
from ser_batch.training.options import TIME_STRIDE
from ser_batch.training.teacher import Teacher

Array = NDArray[np.float32]
Ints = NDArray[np.int64]


class Batch(NamedTuple):
    """What a network takes, such as features `[clips, frames, 128]`; targets and weights of each output.

    `logits`: `[clips, n_classes]` that sum to 1, and `[clips]`. With a teacher, `frames`: `[clips, frames / 4, 96]`
    and `[clips, frames / 4]`, 0 for padding; and `clip`: `[clips, 64]` and `[clips]`. For each auxiliary attribute
    `[clips, values]` and `[clips]`, 0 where the value is not known.
    """

    inputs: list[Array]
    targets: dict[str, Array]
    weights: dict[str, Array]


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
        augmentation: one of `ser_batch.training.options.AUGMENTATIONS`; `waveform` needs the table's audio files.
        strengths: of the spectrogram augmentation.
        seed: with an epoch's number it gives that epoch's batches, so that a resumed run sees the same ones.
        features: what the network takes, one of `ser_batch.audio.front_end.FEATURES`.
        teacher: to be imitated; its rows are the table's.
        noise: mel power of recorded noise, `[windows, 188, 128]`, that `spectrogram` adds.
        auxiliary: by attribute, `[clips of the table, values]`: 1 for each clip's value.
        mixed_inside: leave the clips' blending to the network, which takes their shares and partners.
    """

    table: FeatureTable
    rows: Ints
    targets: Array
    class_weights: Array
    size: int
    augmentation: str
    strengths: augment_spectrogram.Strengths
    seed: int
    features: str = "mfcc"
    teacher: Teacher | None = None
    noise: Array | None = None
    auxiliary: Mapping[str, Array] = field(default_factory=dict)
    mixed_inside: bool = False

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
            yield self._batch(order[start : start + self.size], rng)

    def _batch(self, rows: Ints, rng: np.random.Generator) -> Batch:
        bands, frames = self._bands(rows, rng), self.table.frames[rows]
        positions = np.broadcast_to(np.arange(front_end.N_FRAMES, dtype=np.float32), bands.shape[:2])
        if self.augmentation == "spectrogram":
            bands, frames, positions = augment_spectrogram.augment(
                bands, frames, rng, self.strengths, self.noise
            )
        targets = {
            "logits": self.targets[rows],
            **{name: each[rows] for name, each in self.auxiliary.items()},
        }
        weights = {}
        if self.teacher:
            # the second of four frames lies next to the middle of what the network makes one of
            middle = slice(1, None, TIME_STRIDE)
            targets["frames"] = self.teacher.at(rows, positions[:, middle] + 0.5)
            targets["clip"] = self.teacher.clips[rows]
            heard = np.arange(bands.shape[1])[middle] < frames[:, None]
            weights = {"frames": heard.astype(np.float32), "clip": np.ones(len(rows), np.float32)}
        pairs: list[Any] = []
        if self.augmentation == "spectrogram" and self.strengths.mixup:
            share, other = augment_spectrogram.mixup_partners(len(rows), rng, self.strengths.mixup)
            targets = dict(
                zip(targets, augment_spectrogram.blend([*targets.values()], share, other), strict=True)
            )
            if self.mixed_inside:
                pairs = [share[:, None, None], other]
            else:
                (bands,) = augment_spectrogram.blend([bands], share, other)
        weights["logits"] = targets["logits"] @ self.class_weights
        for name in self.auxiliary:
            known = targets[name].sum(axis=1)  # less than 1 for a blend with a clip whose value is not known
            targets[name] = targets[name] / np.maximum(known, 1e-6)[:, None]
            weights[name] = known
        return Batch([features.network_input(bands, self.features), *pairs], targets, weights)

    def _bands(self, rows: Ints, rng: np.random.Generator) -> Array:
        if self.augmentation != "waveform":
            return self.table.log_mel(rows)
        files = [load(self.table.paths[row], front_end.WINDOW_SECONDS) for row in rows]
        clips = [augment_waveform.augment(samples, rng)[: front_end.WINDOW_SAMPLES] for samples in files]
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
    none = ["0"] * len(table)
    if any(f"vote_{label}" in table.attributes for label in labels):
        counts = np.array([table.attributes.get(f"vote_{label}", none) for label in labels]).T
        counts = np.where(counts == "", "0", counts).astype(float)
        total = counts.sum(axis=1, keepdims=True)
        heard = np.where(total > 0, counts / np.maximum(total, 1), hard)
        targets = (1 - votes) * hard + votes * heard
    return ((1 - smoothing) * targets + smoothing / len(labels)).astype(np.float32)


def auxiliary_targets(table: FeatureTable, names: Sequence[str]) -> dict[str, Array]:
    """For each attribute `[clips, values]`: 1 for the value that a clip has, nothing where it is not known.

    Raises:
        UsageError: the corpus has no such attribute, or but one value of it.
    """
    targets = {}
    for name in names:
        column = table.attributes.get(name, [])
        values = sorted(set(column) - {""})
        if len(values) < 2:
            raise UsageError(
                f"{table.corpus} has no two values of {name!r} to tell apart; it has {', '.join(table.attributes)}."
            )
        targets[name] = (np.array(column)[:, None] == np.array(values)).astype(np.float32)
    return targets


def balanced_weights(classes: Ints, n_classes: int) -> Array:
    """Weights `[n_classes]` under which every class of the training clips counts alike; their mean clip is 1."""
    counts = np.bincount(classes, minlength=n_classes)
    return (len(classes) / (n_classes * np.maximum(counts, 1))).astype(np.float32)
