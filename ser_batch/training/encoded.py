"""Batches for what stands upon a frozen encoder, which hears each view of each clip but once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ser_batch.audio import augment_spectrogram, features, front_end
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.training.batches import Batch

HEARD_TOGETHER = 64

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
# features [clips, 188, 128] → outputs [clips, n, width] each, and which frames are heard, [clips, n, 1]
Encoder = Callable[[Array], list[Array]]


@dataclass(frozen=True)
class EncodedBatches:
    """What an encoder makes of the training clips, in random order, a view of each at random, masked and mixed.

    Mixup behind the encoder: V. Verma et al., "Manifold Mixup", ICML 2019.

    Attributes:
        views: float16 `[views, clips, n, width + 1]`, as `hear` writes it.
        n_outputs: of the encoder, which lie side by side in the width.
        targets: `[clips, n_classes]`.
        class_weights: `[n_classes]`, what a clip of each class counts.
        size: clips in a batch; the rest of an epoch that fills none is left for another epoch.
        strengths: of masks over time and of mixup.
        seed: with an epoch's number it gives that epoch's batches.
    """

    views: NDArray[np.float16]
    n_outputs: int
    targets: Array
    class_weights: Array
    size: int
    strengths: augment_spectrogram.Strengths
    seed: int

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
            if self.strengths.mixup:
                partners = augment_spectrogram.mixup_partners(len(rows), rng, self.strengths.mixup)
                mixed = augment_spectrogram.blend(mixed, *partners)
            encoded, targets = mixed
            # a frame of a blend is heard where either is
            heard = (encoded[..., -1:] > 0).astype(np.float32)
            inputs = [*np.split(encoded[..., :-1], self.n_outputs, axis=-1), heard]
            yield Batch(inputs, {"logits": targets}, {"logits": targets @ self.class_weights})

    def _hidden(self, heard: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Runs of frames to be passed over, `[clips, n]`."""
        frames = np.maximum(heard.sum(axis=1), 1)
        longest = self.strengths.time_mask_frames * heard.shape[1] // front_end.N_FRAMES
        hidden = np.zeros_like(heard)
        for _ in range(self.strengths.time_masks):
            hidden |= augment_spectrogram.random_runs(
                heard.shape[1], np.minimum(longest, frames // 4), frames, rng
            )
        return hidden


def hear(
    encoder: Encoder,
    table: FeatureTable,
    rows: Ints,
    path: Path,
    n_views: int,
    strengths: augment_spectrogram.Strengths,
    seed: int,
    kind: str,
    noise: Array | None = None,
) -> NDArray[np.float16]:
    """Have an encoder hear some clips as they are, and augmented views of them.

    Args:
        encoder: from features to its outputs and which frames are heard.
        table: where the clips are.
        rows: which of them.
        path: file for the result, which may be larger than memory.
        n_views: augmented ones, beside the clips themselves.
        strengths: of the augmentation; clips stay whole and are not masked.
        seed: of the augmentation.
        kind: the encoder's features, one of `ser_batch.audio.front_end.FEATURES`.
        noise: mel power of recorded noise, `[windows, 188, 128]`, to be added, too.

    Returns:
        Float16 `[1 + n_views, clips, n, width + 1]`, on disk: all outputs side by side, and which frames are heard.
    """
    strengths = replace(strengths, crops=(), time_masks=0, band_masks=0)
    views = None
    for view in range(1 + n_views):
        rng = np.random.default_rng([seed, view])
        for start in range(0, len(rows), HEARD_TOGETHER):
            some = rows[start : start + HEARD_TOGETHER]
            bands = table.log_mel(some)
            if view:
                bands, *_ = augment_spectrogram.augment(bands, table.frames[some], rng, strengths, noise)
            encoded = np.concatenate(encoder(features.network_input(bands, kind)), axis=-1)
            if views is None:
                views = open_memmap(path, "w+", np.float16, (1 + n_views, len(rows), *encoded.shape[1:]))
            views[view, start : start + len(some)] = encoded
    assert views is not None
    return views
