"""Benchmark of training: time of an epoch, waits for batches, and speed of feature extraction.

    python -m benchmarks train AUDIO --table crema-d.npz

The small network with the default options, on all cores. The first batches compile the network for the lengths that
clips are cropped to, so the first epoch is left out. Without `--table` the clips are noise, which takes as long.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import ser_batch
from benchmarks import shared
from benchmarks.shared import CORES, on_cores, seconds_of, spread, table
from ser_batch.audio import front_end
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.training.batches import Batch, Batches, balanced_weights, soft_targets
from ser_batch.training.options import TrainOptions
from tests.running import SER_BATCH

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad")


@dataclass(frozen=True)
class Watched(Batches):
    """Batches that note how long each epoch has waited for them."""

    waited: dict[int, float] = field(default_factory=dict)

    def epoch(self, number: int) -> Iterator[Batch]:
        """As they are made, on the clock."""
        batches, self.waited[number] = super().epoch(number), 0.0
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.waited[number] += time.perf_counter() - began
            if batch is None:
                return
            yield batch


def main() -> None:
    """Measure and print."""
    parser = shared.arguments(__doc__)
    parser.add_argument(
        "--table", type=Path, help="a stored feature table, .npz, as `ser-batch features` writes it"
    )
    parser.add_argument("--clips", type=int, default=4_500, help="of noise, without a table")
    parser.set_defaults(rounds=3)
    chosen = parser.parse_args()
    where = shared.where("tensorflow", "keras")
    clips = ser_batch.features(chosen.table) if chosen.table else noise(192 if chosen.quick else chosen.clips)
    with shared.scratch() as scratch:
        extraction = extracting(chosen, scratch)
        epochs = training(clips, 1 if chosen.quick else chosen.rounds, scratch / "checkpoint.npz")
    rows = [[name, spread(values)] for name, values in (epochs | extraction).items()]
    what = chosen.table.name if chosen.table else "noise"
    parts = [f"{where} {len(clips):,} clips: {what}.", table(["", "median (least to most)"], rows)]
    shared.publish("train", parts, epochs | extraction, chosen)


def training(clips: FeatureTable, epochs: int, checkpoint: Path) -> dict[str, list[float]]:
    """Seconds of an epoch, what of it was waiting, and what making its batches takes by itself."""
    from ser_batch.training import loop
    from ser_batch.training.networks.build import build, for_training

    options = TrainOptions(epochs=epochs + 1, mixed_precision=False)
    labels = sorted(set(clips.labels))
    targets = soft_targets(clips, labels, options.votes, options.label_smoothing)
    batches = Watched(
        clips,
        np.arange(len(clips)),
        targets,
        balanced_weights(targets),
        options,
    )
    model = for_training(build(options, len(labels), frames=None))
    history, _ = loop.run(model, batches, None, options, 0, checkpoint, {}, quiet=True)
    seconds = [row["seconds"] for row in history[1:]]
    waited = [batches.waited[number] for number in range(1, epochs + 1)]
    began = time.perf_counter()
    for _ in batches.epoch(0):
        pass
    alone = time.perf_counter() - began
    return {
        f"an epoch of {len(batches)} batches of {options.batch_size}, s": seconds,
        "clips a second": [len(batches) * options.batch_size / each for each in seconds],
        "waiting for batches, % of the epoch": [
            100 * wait / whole for wait, whole in zip(waited, seconds, strict=True)
        ],
        "making an epoch's batches, nothing else done, s": [alone],
    }


def extracting(chosen: argparse.Namespace, scratch: Path) -> dict[str, list[float]]:
    """Clips a second from audio to a feature table, start-up left out, on one core and on all."""
    files, about = shared.clips(chosen.audio, scratch / "clips")
    many = 200 if chosen.quick else 4_000
    corpora = {n: corpus(files, scratch / f"{n}", n) for n in (many // 10, many)}
    found: dict[str, list[float]] = {}
    for _ in range(1 if chosen.quick else chosen.rounds):
        for cores in sorted({1, len(CORES)}):
            with on_cores(cores):
                few, all_ = (
                    seconds_of([*SER_BATCH, "features", folder, "-o", scratch / "table.npz"])[0]
                    for folder in corpora.values()
                )
            name = f"features, clips a second, {cores} core{'s' * (cores > 1)} ({about})"
            found.setdefault(name, []).append((many - many // 10) / (all_ - few))
    return found


def corpus(files: list[Path], folder: Path, n: int) -> Path:
    """Links to clips in folders that are named after emotions, by ten speakers."""
    for k in range(n):
        place = folder / EMOTIONS[k % len(EMOTIONS)]
        place.mkdir(parents=True, exist_ok=True)
        original = files[k % len(files)]
        (place / f"speaker{k // 6 % 10}_{k:05}{original.suffix}").hardlink_to(original)
    return folder


def noise(n: int) -> FeatureTable:
    """A table of clips that hold nothing but noise."""
    shape: Any = (n, front_end.N_FRAMES, front_end.N_MELS)
    return FeatureTable(
        corpus="noise",
        front_end=front_end.FRONT_END,
        names=[f"{k}" for k in range(n)],
        labels=[EMOTIONS[k % len(EMOTIONS)] for k in range(n)],
        speakers=[f"{k // 6 % 10}" for k in range(n)],
        levels=np.random.default_rng(0).integers(0, 256, shape, np.uint8),
        frames=np.full(n, front_end.N_FRAMES),
    )
