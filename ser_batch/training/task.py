"""What is to be trained: a corpus, the options, and whatever else the network learns from."""

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
from ser_batch.training.options import TrainOptions
from ser_batch.training.splits import Mask
from ser_batch.training.teacher import Teacher


@dataclass(frozen=True)
class Task:
    """A training; the same for each held-out fold.

    Attributes:
        table: the corpus.
        options: see there.
        start: model whose weights are begun with; `fit` takes architecture and features from it.
        encoder: file of Whisper's encoder, where the architecture is the large one.
        thaw: folder of networks trained upon the frozen encoder, with the same division: the encoder is tuned now, too.
        teacher: to be imitated besides; its rows are the table's.
        ensemble: folders of trained networks, for the same clips, whose mean is taken: nothing is trained.
        noise: recorded, to be mixed with the clips besides the synthetic noise of `spectrogram`.
        test_noises: under which held-out clips are heard, too, for the figures in the card.
        mapping: what the table's labels were mapped by, to be recorded in the card.
        quiet: no progress on stderr.
        command: how the training was asked for, to be recorded in the card.
    """

    table: FeatureTable
    options: TrainOptions = field(default_factory=TrainOptions)
    start: Bundle | None = None
    encoder: Path | None = None
    thaw: Path | None = None
    teacher: Teacher | None = None
    noise: Noise | None = None
    test_noises: Sequence[Noise] = ()
    ensemble: Sequence[Path] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False
    command: str = ""

    @cached_property
    def labels(self) -> list[str]:
        """The emotions, in the order of the logits."""
        return sorted(set(self.table.labels))

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """Index of each clip's label, `[clips]`."""
        return np.array([self.labels.index(label) for label in self.table.labels])

    def identity(self, parts: dict[str, Mask]) -> dict[str, Any]:
        """What two trainings must share for one to go on with the other's checkpoint, in JSON's types."""
        clips = hashlib.sha256(json.dumps([self.table.names, self.table.labels]).encode())
        for part in sorted(parts):
            clips.update(parts[part].tobytes())
        return {
            **json.loads(json.dumps(asdict(self.options))),
            "clips": clips.hexdigest(),
            "denoise": self.table.denoise,
            "start": self.start.sha256 if self.start else None,
            "thaw": self.thaw.name if self.thaw else None,
            "teacher": self.teacher.source if self.teacher else None,
            "noise": self.noise.source if self.noise else None,
        }
