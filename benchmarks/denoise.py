"""Benchmark of noise reduction: one network for each kind, in training and in use, on clean and on noisy speech.

    python -m benchmarks denoise CREMA-D crema_d.npz --noise NOISE --other-noise OTHER-NOISE
    python -m benchmarks denoise CREMA-D crema_d.npz --other-noise OTHER-NOISE --model DIR --rooms RAVDESS …

CREMA-D is a folder of its clips, `crema_d.npz` the table that knows the folds. A network hears each training clip as it
is, and with recorded or white noise at 3 to 28 dB, before noise reduction. Clips of the held-out fold get other noise.

With `--model`, a cross-validated model is measured in place of a training, without noise reduction and with the gate:
its network of the fold, and the model itself on other corpora.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import table
from ser_batch.audio import features
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.front_end import FRONT_END, SAMPLE_RATE, WINDOW_SECONDS
from ser_batch.audio.noise import Noise, mix, read_noise, white
from ser_batch.audio.windows import load
from ser_batch.corpora.clips import Clip
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.corpora.mapping import SIX
from ser_batch.corpora.read import read_corpus
from ser_batch.evaluation.metrics import confusion_matrix, uar
from ser_batch.model.bundle import load_bundle
from ser_batch.model.runtime import Network
from ser_batch.training.averaging import FOLDS
from ser_batch.training.job import Job
from ser_batch.training.options import HoldOut, TrainOptions
from ser_batch.training.train import fit

SNRS = (20, 10, 5, 0)
TRAINING_SNR = (3.0, 28.0)

Array = NDArray[np.float32]


def package(samples: Array, **options: Any) -> Array:
    """Log-mel of what the noisereduce package leaves of a clip."""
    import noisereduce

    cleaned = noisereduce.reduce_noise(y=samples, sr=SAMPLE_RATE, **options)
    return features.log_mel(np.asarray(cleaned, np.float32))


KINDS: dict[str, Callable[[Array], Array]] = {
    "none": features.log_mel,
    "stationary gate": partial(features.log_mel, denoise="gate"),
    "stationary, prop_decrease 0.5": partial(package, stationary=True, prop_decrease=0.5),
    "non-stationary": package,
}


def heard(clip: Clip, kind: str, noise: Noise | None, snrs: tuple[float, ...]) -> tuple[list[Array], int]:
    """Levels of a clip under noise at each ratio, cleaned, and its true frames; `inf` for no noise."""
    samples = load(clip.path, WINDOW_SECONDS)
    made = []
    for snr in snrs:
        rng = np.random.default_rng([*clip.name.encode()])
        piece = noise.samples[rng.integers(len(noise.samples))] if noise else samples
        made.append(
            features.to_levels(KINDS[kind](mix(samples, piece, snr) if np.isfinite(snr) else samples))
        )
    return made, features.true_frames(len(samples))


def as_heard(
    clips: list[Clip], kind: str, noise: Noise | None, snrs: Callable[[Clip], tuple[float, ...]]
) -> Iterator[FeatureTable]:
    """A table of the clips for each of the ratios that a clip is heard at."""
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        work = [pool.submit(heard, clip, kind, noise, snrs(clip)) for clip in clips]
        found = [each.result() for each in work]
    for at in range(len(found[0][0])):
        yield FeatureTable(
            "CREMA-D",
            FRONT_END,
            [clip.name for clip in clips],
            [clip.label for clip in clips],
            [clip.speaker for clip in clips],
            np.stack([levels[at] for levels, _ in found]),
            np.array([frames for _, frames in found], np.int64),
        )


def training_table(clips: list[Clip], kind: str, noises: list[Noise]) -> FeatureTable:
    """Each clip as it is, and once with one of the noises."""

    def drawn(clip: Clip) -> tuple[float, ...]:
        return (float(np.random.default_rng([1, *clip.name.encode()]).uniform(*TRAINING_SNR)),)

    tables = list(as_heard(clips, kind, None, lambda clip: (np.inf,)))
    for i, noise in enumerate(noises):
        tables.extend(as_heard(clips[i :: len(noises)], kind, noise, drawn))
    return replace(
        tables[0],
        **{
            name: [value for each in tables for value in getattr(each, name)]
            for name in ("names", "labels", "speakers")
        },
        levels=np.concatenate([each.levels for each in tables]),
        frames=np.concatenate([each.frames for each in tables]),
    )


def uars(
    network: Network, clips: list[Clip], kind: str, noises: list[Noise], labels: list[str]
) -> list[float]:
    """UAR on the clips as they are, and under each noise at each ratio."""
    tables = list(as_heard(clips, kind, None, lambda clip: (np.inf,)))
    for noise in noises:
        tables.extend(as_heard(clips, kind, noise, lambda clip: SNRS))
    figures = []
    for each in tables:
        answers = np.array([network(bands).argmax() for bands in each.log_mel()])
        actual = np.array([labels.index(label) for label in each.labels])
        figures.append(uar(confusion_matrix(actual, answers, len(labels))))
    return figures


def in_use(
    model: Path, fold: str, others: list[Clip], test: list[Noise], rooms: list[Path]
) -> Iterator[list[str]]:
    """A row for each kind of noise reduction in use: UAR of the fold, under noise, and of other corpora."""
    of_fold, final = load_bundle(model / FOLDS / fold), load_bundle(model)
    network, final_network = Network(of_fold.network_path), Network(final.network_path)
    corpora = [
        [
            replace(clip, label=SIX.get(clip.label, clip.label))
            for clip in read_corpus(str(path)).clips
            if SIX.get(clip.label, clip.label) in final.labels
        ]
        for path in rooms
    ]
    for kind in ("none", "stationary gate"):
        figures = uars(network, others, kind, test, of_fold.labels)
        figures += [uars(final_network, clips, kind, [], final.labels)[0] for clips in corpora]
        yield [kind, *(f"{each:.3f}" for each in figures)]


def main() -> None:
    """Train or take a model, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--noise", type=Path, help="for the training")
    parser.add_argument("--other-noise", type=Path, required=True)
    parser.add_argument("--fold", default="2")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--model", type=Path, help="measure this cross-validated model")
    parser.add_argument(
        "--rooms", type=Path, nargs="*", default=[], help="corpora that it is also measured on"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/denoise"))
    chosen = parser.parse_args()
    held_out = set(FeatureTable.load(chosen.table).where("fold", chosen.fold).speakers)
    clips = read_corpus(chosen.corpus).clips
    taught = [clip for clip in clips if clip.speaker not in held_out]
    others = [clip for clip in clips if clip.speaker in held_out]
    test = [read_noise(str(chosen.other_noise)), white()]
    under = [f"{noise.source} {snr} dB" for noise in test for snr in SNRS]
    if chosen.model:
        named = [path.parent.name if path.is_file() else path.name for path in chosen.rooms]
        found = list(in_use(chosen.model, chosen.fold, others, test, chosen.rooms))
        print(table(["in use", "clean", *under, *named], found))
        return
    training = [read_noise(str(chosen.noise)), white()]
    options = TrainOptions(
        epochs=chosen.epochs,
        weights="float32",
        augmentation=Strengths(noise_share=0),
    )
    rows = []
    for kind in KINDS:
        job = Job(training_table(taught, kind, training), (options,), HoldOut(validation=0, test=0))
        bundle = fit(job, chosen.out / kind.replace(" ", "-"))
        network = Network(bundle.network_path)
        for use in dict.fromkeys([kind, "stationary gate"] if kind == "none" else [kind]):
            rows.append(
                [kind, use, *(f"{each:.3f}" for each in uars(network, others, use, test, job.labels))]
            )
            print(rows[-1], flush=True)
    print(table(["in training", "in use", "clean", *under], rows))
