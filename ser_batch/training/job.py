"""Training job: corpus, options, initial weights."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.noise import Noise
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.model.bundle import Bundle
from ser_batch.training.options import HoldOut, TrainOptions
from ser_batch.training.splits import Mask
from ser_batch.training.teacher import Teacher
from ser_batch.training.views import Views


@dataclass(frozen=True)
class Job:
    """A training; the same for each held-out fold.

    Attributes:
        table: the corpus.
        stages: options of each stage; each stage starts from the weights of the one before.
        hold_out: the clips that are held out.
        seed: of the split, the initial weights, the order and the augmentation.
        recipe: name or file of the recipe that the stages are from, to be recorded in the card.
        start: model to start from; `fit` takes the network, its sizes and the features from it.
        members: trained models that are averaged instead of a training.
        teacher: for distillation; its rows are the table's.
        noise: recorded, to be added to the clips.
        test_noises: held-out clips are also measured with each of them.
        views: of the table's clips in other rooms.
        jobs: number of processes that compute views.
        rooms: titles and tables of other corpora that the final network is also measured on.
        mapping: what the table's labels were mapped by, to be recorded in the card.
        quiet: no progress on stderr.
        command: the command line, to be recorded in the card.
    """

    table: FeatureTable
    stages: tuple[TrainOptions, ...] = (TrainOptions(),)
    hold_out: HoldOut = field(default_factory=HoldOut)
    seed: int = 0
    recipe: str = ""
    start: Bundle | None = None
    members: Sequence[Bundle] = ()
    teacher: Teacher | None = None
    noise: Noise | None = None
    test_noises: Sequence[Noise] = ()
    views: Views | None = None
    jobs: int = 1
    rooms: Sequence[tuple[str, FeatureTable]] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False
    command: str = ""

    @property
    def options(self) -> TrainOptions:
        """Options of the last stage; network and features are those of every stage."""
        return self.stages[-1]

    @property
    def encoder(self) -> Path | None:
        """File of the Whisper encoder that the training starts from."""
        weights = self.options.encoder.weights
        return Path(weights) if weights and self.options.network == "whisper" else None

    @cached_property
    def labels(self) -> list[str]:
        """The emotions, in the order of the logits."""
        return sorted(set(self.table.labels))

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """Index of each clip's label, `[clips]`."""
        return np.array([self.labels.index(label) for label in self.table.labels])

    def identity(self, parts: dict[str, Mask], stage: int) -> dict[str, Any]:
        """What a checkpoint of a stage must agree with to be resumed, in JSON's types."""
        stages = [_training_options(options) for options in self.stages[: stage + 1]]
        clips = hashlib.sha256(json.dumps([self.table.names, self.table.labels]).encode())
        for part in sorted(parts):
            clips.update(parts[part].tobytes())
        return {
            **stages[-1],
            "stages before": stages[:-1],
            "seed": self.seed,
            "clips": clips.hexdigest(),
            "denoise": self.table.denoise,
            "start": self.start.sha256 if self.start else None,
            "teacher": self.teacher.source if self.teacher else None,
            "noise": self.noise.source if self.noise else None,
        }


def _training_options(options: TrainOptions) -> dict[str, Any]:
    """The options in JSON's types, without those that only say what is measured after the training."""
    entries = json.loads(json.dumps(asdict(options)))
    del entries["test_noise"]
    return entries
