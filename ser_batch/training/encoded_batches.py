"""Batches of a frozen encoder's outputs, which are computed once for each clip and its augmented copies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, features, front_end
from ser_batch.audio.augment_spectrogram import blend, mixup_partners, random_runs
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.training.batches import Batch
from ser_batch.training.options import TrainOptions
from ser_batch.training.views import Views

ENCODED_AT_ONCE = 64

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
# features [clips, 188, 128] → outputs [clips, n, width] each, and the active frames, [clips, n, 1]
Encoder = Callable[[Array], list[Array]]


@dataclass(frozen=True)
class EncodedBatches:
    """Outputs of a frozen encoder in random order, one view of each clip at random, masked and with mixup.

    Mixup behind the encoder: V. Verma et al., "Manifold Mixup", ICML 2019.

    Attributes:
        views: float16 `[views, clips, n, width + 1]`, as `encode_views` writes it.
        n_outputs: of the encoder, concatenated in the width.
        targets: `[clips, n_classes]`.
        class_weights: `[n_classes]`, the weight of a clip of each class.
        options: of the training stage; of the augmentation, masks over time and mixup.
        seed: with an epoch's number it gives that epoch's batches.
    """

    views: NDArray[np.float16]
    n_outputs: int
    targets: Array
    class_weights: Array
    options: TrainOptions
    seed: int = 0

    @property
    def size(self) -> int:
        """Clips in a batch; an epoch leaves out the rest that does not fill a batch."""
        return min(self.options.batch_size, len(self.targets))

    def __len__(self) -> int:
        return max(1, len(self.targets) // self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(len(self.targets))
        for start in range(0, len(self) * self.size, self.size):
            rows = order[start : start + self.size]
            view = rng.integers(len(self.views), size=len(rows))
            encoded = self.views[view, rows].astype(np.float32)
            encoded[..., -1] *= ~self._hidden(encoded[..., -1] > 0, rng)
            mixed = [encoded, self.targets[rows]]
            if self.options.mixup_behind_encoder:
                mixed = blend(mixed, *mixup_partners(len(rows), rng, self.options.augmentation.mixup))
            encoded, targets = mixed
            # a frame of a blend is active where either is
            active = (encoded[..., -1:] > 0).astype(np.float32)
            inputs = [*np.split(encoded[..., :-1], self.n_outputs, axis=-1), active]
            yield Batch(inputs, {"logits": targets}, {"logits": targets @ self.class_weights})

    def _hidden(self, active: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Runs of frames to mask, `[clips, n]`."""
        frames = np.maximum(active.sum(axis=1), 1)
        longest = self.options.augmentation.time_mask_frames * active.shape[1] // front_end.N_FRAMES
        hidden = np.zeros_like(active)
        masks = self.options.augmentation.time_masks if self.options.augment == "spectrogram" else 0
        for _ in range(masks):
            hidden |= random_runs(active.shape[1], np.minimum(longest, frames // 4), frames, rng)
        return hidden


def encode_views(
    encoder: Encoder,
    table: FeatureTable,
    rows: Ints,
    path: Path,
    options: TrainOptions,
    seed: int,
    noise: Array | None = None,
    rooms: Views | None = None,
) -> NDArray[np.float16]:
    """Compute an encoder's outputs for some clips as they are, and for augmented copies of them.

    Args:
        encoder: from features to its outputs and the active frames.
        table: the corpus.
        rows: indexes of the clips.
        path: file for the result, which may be larger than memory.
        options: of the training stage; clips stay whole and are not masked.
        seed: of the augmentation.
        noise: mel power of recorded noise to add, `[windows, 188, 128]`.
        rooms: views of the clips in other rooms, which replace a share of the copies.

    Returns:
        Float16 `[1 + copies, clips, n, width + 1]`, on disk: all outputs concatenated, and the active frames.
    """
    n_views = options.encoder.views if options.augment == "spectrogram" else 0
    strengths = replace(options.augmentation, crops=(), time_masks=0, band_masks=0)
    views = None
    for view in range(1 + n_views):
        rng = np.random.default_rng([seed, view])
        for start in range(0, len(rows), ENCODED_AT_ONCE):
            some = rows[start : start + ENCODED_AT_ONCE]
            levels, frames = table.levels[some], table.frames[some]
            if view and rooms:
                replaced = rng.random(len(some)) < options.rooms.share
                levels[replaced], frames[replaced] = rooms.draw(some[replaced], rng)
            bands = features.from_levels(levels)
            if view:
                bands, *_ = augment_spectrogram.augment(bands, frames, rng, strengths, noise)
            encoded = np.concatenate(encoder(features.network_input(bands, options.features)), axis=-1)
            if views is None:
                views = open_memmap(path, "w+", np.float16, (1 + n_views, len(rows), *encoded.shape[1:]))
            views[view, start : start + len(some)] = encoded
    assert views is not None
    return views
