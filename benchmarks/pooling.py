"""Benchmark of rules that make the label of a recording from its windows, on the folds of CREMA-D and on RAVDESS.

    ser-batch train crema_d.npz -o MODEL --cross-validate …     # leaves MODEL/folds
    python -m benchmarks pooling MODEL RAVDESS

A recording of CREMA-D here is `--windows` clips of one actor and one emotion, none of them heard in training; the clips
are put together in an order drawn by `--seed`. RAVDESS's are as they are, two windows each, labels that both know.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import table

Floats = NDArray[np.float64]


def pooled(probabilities: Floats, speech: Floats) -> dict[str, Floats]:
    """What each rule makes of windows: `[windows, labels]` and their speech ratios to `[labels]`."""
    logs = np.log(np.maximum(probabilities, 1e-4))
    votes = np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
    return {
        "mean of the probabilities, by speech ratio": speech @ probabilities,
        "mean of the probabilities": probabilities.mean(axis=0),
        "mean of their logarithms, by speech ratio": speech @ logs,
        "most votes, the mean between equals": votes.sum(axis=0) + probabilities.mean(axis=0) / 100,
        "the most confident window": probabilities[probabilities.max(axis=1).argmax()],
        "the first window": probabilities[0],
    }


def uar_of(recordings: list[tuple[int, Floats, Floats]]) -> dict[str, float]:
    """UAR of each rule over `(label, probabilities, speech ratios)` of recordings."""
    answers = [pooled(probabilities, speech) for _, probabilities, speech in recordings]
    actual = np.array([label for label, *_ in recordings])
    rows = {}
    for rule in answers[0]:
        right = np.array([answer[rule].argmax() for answer in answers]) == actual
        rows[rule] = float(np.mean([right[actual == label].mean() for label in np.unique(actual)]))
    return rows


def of_fold(predictions: Path, n_windows: int, seed: int) -> list[tuple[int, Floats, Floats]]:
    """Recordings put together from the clips of a fold's `predictions.csv`."""
    import pandas as pd

    clips = pd.read_csv(predictions).sample(frac=1, random_state=seed)
    names = [name for name in clips if name.startswith("p_")]
    made = []
    for (_, label), group in clips.groupby(
        [clips["file"].str[:4], "actual"]
    ):  # an actor's number comes first
        for start in range(0, len(group) - n_windows + 1, n_windows):
            some = group[start : start + n_windows]
            made.append((names.index(f"p_{label}"), some[names].to_numpy(float), np.ones(n_windows)))
    return made


def of_corpus(corpus: Path, model: Path) -> list[tuple[int, Floats, Floats]]:
    """The recordings of a corpus, of labels that the model has."""
    import ser_batch
    from ser_batch.corpora.read import read_corpus

    clips = {clip.path: clip.label for clip in read_corpus(corpus.resolve()).clips}
    segments: Any = ser_batch.annotate(corpus, model=model, level="segments", absolute=True)
    names = [name for name in segments if name.startswith("p_")]
    made = []
    for file, windows in segments.groupby(level="file"):
        label = f"p_{clips[str(file)]}"
        heard = windows[windows["speech_ratio"] > 0]
        if label in names and len(heard):
            made.append(
                (names.index(label), heard[names].to_numpy(float), heard["speech_ratio"].to_numpy(float))
            )
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    folds = [
        uar_of(of_fold(path, chosen.windows, chosen.seed))
        for path in sorted(chosen.model.glob("folds/*/predictions.csv"))
    ]
    columns = {
        f"CREMA-D, {chosen.windows} windows, mean ± sd of {len(folds)} folds": {
            rule: f"{np.mean(uars):.3f} ± {np.std(uars, ddof=1):.3f}"
            for rule in folds[0]
            for uars in [[fold[rule] for fold in folds]]
        }
    }
    if chosen.corpus:
        recordings = of_corpus(chosen.corpus, chosen.model)
        name = f"{chosen.corpus.resolve().name}, {len(recordings)} recordings"
        columns[name] = {rule: f"{uar:.3f}" for rule, uar in uar_of(recordings).items()}
    rules = next(iter(columns.values()))
    print(table(["", *columns], [[rule, *(column[rule] for column in columns.values())] for rule in rules]))
