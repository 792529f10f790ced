"""Fixtures: a made-up feature table, quick training options, and a model trained on them."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from ser_batch.audio import features, front_end
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.model.bundle import Bundle
from ser_batch.training.options import CnnSizes, TrainOptions

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LABELS = ("angry", "neutral", "sad")
SPEAKERS = ("ada", "bob", "cyd", "dan", "eve", "fay")
TINY = CnnSizes(stem=8, widths=(8, 8), temporal=16, attention_heads=2, dropout=0.1)
QUICK = TrainOptions(
    epochs=6,
    batch_size=12,
    learning_rate=1e-2,
    average=0.8,
    weights="float32",
    mixed_precision=False,
    augmentation=Strengths(crops=()),
    cnn=TINY,
)


def _make_table(clips_each: int = 6, speakers: tuple[str, ...] = SPEAKERS, seed: int = 0) -> FeatureTable:
    """A corpus in which each emotion is loud in mel bands of its own; each speaker has a level of hiss."""
    rng = np.random.default_rng(seed)
    labels, spoken, bands, frames = [], [], [], []
    for number, speaker in enumerate(speakers):
        for index, label in enumerate(LABELS):
            for _ in range(clips_each):
                n = int(rng.integers(70, 188))
                clip = rng.normal(-55 + 2 * number, 4, (front_end.N_FRAMES, front_end.N_MELS))
                clip[:, 20 + 30 * index : 40 + 30 * index] += 35
                clip = np.clip(clip - clip[:n].max(), front_end.FLOOR_DB, 0)
                clip[n:] = front_end.FLOOR_DB
                labels.append(label)
                spoken.append(speaker)
                bands.append(features.to_levels(clip.astype(np.float32)))
                frames.append(n)
    n_clips = len(labels)
    return FeatureTable(
        corpus="toy",
        front_end=front_end.FRONT_END,
        names=[f"{speaker}/{i:03d}" for i, speaker in enumerate(spoken)],
        labels=labels,
        speakers=spoken,
        levels=np.stack(bands),
        frames=np.array(frames, np.int64),
        attributes={
            "sex": ["female" if speaker in ("ada", "eve", "fay") else "male" for speaker in spoken],
            "fold": [str(1 + speakers.index(speaker) // 2) for speaker in spoken],
            "age": [str(i) for i in range(n_clips)],
        },
    )


@pytest.fixture(scope="session")
def make_table() -> Callable[..., FeatureTable]:
    return _make_table


@pytest.fixture(scope="session")
def table() -> FeatureTable:
    return _make_table()


@pytest.fixture(scope="session")
def quick() -> TrainOptions:
    """Options of a training that takes seconds."""
    return QUICK


@pytest.fixture(scope="session")
def bundle(table, tmp_path_factory) -> Bundle:
    """A bundle that was really trained."""
    from ser_batch.training.job import Job
    from ser_batch.training.train import fit

    folder = tmp_path_factory.mktemp("models") / "toy"
    return fit(Job(table, (QUICK,), quiet=True, command="ser-batch train toy.npz -o toy"), folder)
