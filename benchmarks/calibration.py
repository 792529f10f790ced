"""Benchmark of adaptation and calibration on unknown archives, and of the intervals of audits.

    python -m benchmarks calibration EMO_DB RAVDESS EMOVO/labels.csv …

Each corpus is annotated once with each bundled model; everything else is computed from the stored probabilities. An
archive is 2,000 recordings drawn, with repetition, from a corpus: all emotions equally often, or 60 % neutral. What is
labelled is drawn as `ser-batch audit` does; accuracy, UAR and ECE are those of the clips that were not labelled.

Tables: `gain` (by number of labels, and of each corpus), `audits` (how often intervals cover the truth), `groups`
(how large a group must be to be adapted) and `rounding` (offsets from stored probabilities against those from logits).
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import OUT, table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ARCHIVES = ("balanced", "60 % neutral")
SIZE = 2_000
LABELS = (30, 40, 60, 120)
TABLES = ("rounding", "groups", "gain", "audits")


@dataclass
class Corpus:
    """Windows of a corpus: probabilities, logits, weights and the clip of each; and the label of each clip."""

    name: str
    labels: list[str]
    probabilities: Floats
    logits: Floats
    weights: Floats
    clip: Ints
    actual: Ints

    def shares(self, archive: str) -> Floats:
        """The share of each label in an archive of this corpus."""
        occurring = np.bincount(self.actual, minlength=len(self.labels)) > 0
        shares = occurring.astype(float)
        if archive != "balanced":
            neutral = np.array(self.labels) == "neutral"
            shares = np.where(neutral, 0.6, occurring * 0.4 / (occurring & ~neutral).sum())
        return shares / shares.sum()

    def clip_weights(self, archive: str) -> Floats:
        """What share of the archive each clip stands for."""
        return (self.shares(archive) / np.maximum(np.bincount(self.actual, minlength=len(self.labels)), 1))[
            self.actual
        ]

    def of_clips(self, probabilities: Floats) -> Floats:
        """The mean of the windows of each clip, by weight."""
        total = np.zeros((len(self.actual), len(self.labels)))
        np.add.at(total, self.clip, probabilities * self.weights[:, np.newaxis])
        return total / total.sum(axis=1, keepdims=True)

    def draw(self, archive: str, random: np.random.Generator, n: int = SIZE) -> Ints:
        """Clips of an archive, with repetition."""
        return random.choice(len(self.actual), n, p=self.clip_weights(archive))


def annotated(path: Path, model: str) -> Corpus:
    """Annotate the clips of a corpus whose labels the model has."""
    from ser_batch.audio import features
    from ser_batch.audio.windows import load
    from ser_batch.corpora.mapping import SIX
    from ser_batch.corpora.read import read_corpus
    from ser_batch.engine.job import Settings
    from ser_batch.engine.result import SCALE, Annotation
    from ser_batch.engine.worker import Worker
    from ser_batch.model.bundle import load_bundle
    from ser_batch.model.runtime import Network

    bundle = load_bundle(model)
    worker = Worker(Settings(str(bundle.path), 3.0, 1.5, bundle.denoise))
    network = Network(bundle.network_path)
    clips = [
        clip for clip in read_corpus(str(path)).clips if SIX.get(clip.label, clip.label) in bundle.labels
    ]
    p, z, weights, owner, actual = [], [], [], [], []
    for clip in clips:
        annotation = worker.annotate(clip.path)
        assert isinstance(annotation, Annotation), annotation
        some = annotation.probabilities.any(axis=1)
        if not some.any():
            continue
        samples = load(clip.path, 600)
        for start, row, speech in zip(
            annotation.starts[some] * 16_000 // annotation.sample_rate,
            annotation.probabilities[some],
            annotation.speech[some],
            strict=True,
        ):
            p.append(row / SCALE)
            z.append(
                network(features.log_mel(samples[start : start + 48_000], bundle.denoise))
                / bundle.temperature
            )
            weights.append(speech / SCALE)
            owner.append(len(actual))
        actual.append(bundle.labels.index(SIX.get(clip.label, clip.label)))
    name = path.parent.name if path.is_file() else path.name
    return Corpus(name, bundle.labels, *map(np.array, (p, z, weights, owner, actual)))  # type: ignore[arg-type]


def figures(corpus: Corpus, archive: str, probabilities: Floats, rest: Ints) -> tuple[float, float, float]:
    """Accuracy, UAR and ECE of the clips in `rest`, weighted as in the archive."""
    from ser_batch.evaluation.metrics import ECE_BINS

    actual = corpus.actual[rest]
    weights = corpus.shares(archive)[actual] / np.bincount(actual, minlength=len(corpus.labels))[actual]
    weights /= weights.sum()
    right = probabilities[rest].argmax(axis=1) == actual
    confidence = probabilities[rest].max(axis=1)
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    gap = np.bincount(bins, weights * (confidence - right), ECE_BINS)
    recalls = [right[actual == label].mean() for label in np.unique(actual)]
    return float(weights @ right), float(np.mean(recalls)), float(np.abs(gap).sum())


def sampled(corpus: Corpus, archive: str, n: int, seed: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Clips of an archive, their strata, the places drawn for an audit, and the clips that were not labelled."""
    from ser_batch.evaluation import audit_sample

    clips = corpus.draw(archive, np.random.default_rng(seed))
    p = corpus.of_clips(corpus.probabilities)[clips]
    stratum = audit_sample.strata(p.argmax(axis=1), p.max(axis=1))
    drawn, _ = audit_sample.draw(stratum, n, seed)
    return clips, stratum, drawn, np.setdiff1d(np.arange(len(corpus.actual)), clips[drawn])


def equal_shift(corpus: Corpus, archive: str, expected: Floats | None = None) -> Floats:
    """Offsets for equal shares in an archive, or for others."""
    from ser_batch.evaluation.adaptation import offsets_for

    k = len(corpus.labels)
    weights = corpus.weights * corpus.clip_weights(archive)[corpus.clip]
    return offsets_for(corpus.probabilities, weights, np.full(k, 1 / k) if expected is None else expected)


def ways(corpus: Corpus, archive: str, shift: Floats, labelled: Ints) -> Iterator[tuple[str, Any]]:
    """The maps that are compared, for labelled clips; the last is what `ser-batch calibrate` does."""
    from ser_batch.evaluation.adaptation import LogitMap, choose_penalty, fit_map

    none = np.zeros(len(corpus.labels))
    known = corpus.of_clips(corpus.probabilities)[labelled]
    votes = np.eye(len(corpus.labels))[corpus.actual[labelled]]
    yield "as annotated", LogitMap(1.0, none)
    yield "`--adapt`", LogitMap(1.0, shift)
    yield (
        "`--adapt --expect` the true shares",
        LogitMap(1.0, equal_shift(corpus, archive, corpus.shares(archive))),
    )
    yield "labels alone (penalty 3)", fit_map(known, votes, 3.0)
    adapted = LogitMap(1.0, shift).apply(known)
    after = fit_map(adapted, votes, 3.0)
    yield "adapted and labels (penalty 3)", LogitMap(after.factor, after.factor * shift + after.offsets)
    yield "`calibrate`", fit_map(known, votes, choose_penalty(known, votes))


def gains(corpora: list[Corpus], repetitions: int) -> list[dict[str, Any]]:
    """Accuracy, UAR and ECE of each way, archive, corpus and number of labels."""
    rows = []
    for corpus in corpora:
        for archive in ARCHIVES:
            shift = equal_shift(corpus, archive)
            for n in LABELS:
                for seed in range(repetitions):
                    clips, _, drawn, rest = sampled(corpus, archive, n, seed)
                    for way, logit_map in ways(corpus, archive, shift, clips[drawn]):
                        p = corpus.of_clips(logit_map.apply(corpus.probabilities))
                        found = figures(corpus, archive, p, rest)
                        rows.append(
                            {"corpus": corpus.name, "archive": archive, "n": n, "way": way, "found": found}
                        )
    return rows


def audits(corpora: list[Corpus], archive: str, n: int, numbers: Iterable[int]) -> dict[str, list[bool]]:
    """Whether the interval of each estimate covers the truth, for audits of archives from all corpora in turn."""
    from ser_batch.evaluation.adaptation import FOLDS, choose_penalty, fit_map, nested_cross_validated
    from ser_batch.evaluation.audit_estimates import Sample, joint_cells
    from ser_batch.evaluation.audit_estimates import figures as estimated

    covered: dict[str, list[bool]] = {}
    for number in numbers:
        corpus = corpora[number % len(corpora)]
        clips, stratum, drawn, rest = sampled(corpus, archive, n, number)
        k, actual = len(corpus.labels), corpus.actual[clips]
        p = corpus.of_clips(corpus.probabilities)[clips]
        answers = np.eye(k + 1)[actual]
        truth = estimated(joint_cells(answers, p.argmax(axis=1)).mean(axis=0)[np.newaxis])[0]
        sample = Sample(stratum[drawn], stratum)
        estimates = sample.estimate(joint_cells(answers[drawn], p[drawn].argmax(axis=1)), estimated)
        names = (
            "accuracy",
            "UAR",
            "kappa",
            *(f"share of {label}" for label in corpus.labels),
            "share of other",
        )
        for name, estimate, value in zip(names, estimates, truth, strict=True):
            covered.setdefault(name, []).append(bool(estimate.low - 1e-9 <= value <= estimate.high + 1e-9))
        votes = answers[drawn, :k]
        fitted = fit_map(p[drawn], votes, choose_penalty(p[drawn], votes))
        true, *_ = figures(corpus, archive, corpus.of_clips(fitted.apply(corpus.probabilities)), rest)
        held_out = nested_cross_validated(p[drawn], votes).argmax(axis=1)
        after = sample.estimate(joint_cells(answers[drawn], held_out), estimated)[0].cross_validated(FOLDS)
        covered.setdefault("accuracy after calibration", []).append(bool(after.low <= true <= after.high))
    return covered


def groups(corpora: list[Corpus], n: int, repetitions: int) -> tuple[float, float]:
    """What adapting a group of n windows to its true equal shares gains, and how often it loses, in accuracy."""
    from ser_batch.evaluation.adaptation import LogitMap, offsets_for

    gained = []
    for corpus in corpora:
        first = np.unique(corpus.clip, return_index=True)[1]
        for seed in range(repetitions):
            windows = first[corpus.draw("balanced", np.random.default_rng(seed), n)]
            p, actual = corpus.probabilities[windows], corpus.actual[corpus.clip[windows]]
            offsets = offsets_for(p, corpus.weights[windows], corpus.shares("balanced"))
            adapted = LogitMap(1.0, offsets).apply(p).argmax(axis=1)
            gained.append((adapted == actual).mean() - (p.argmax(axis=1) == actual).mean())
    return float(np.mean(gained)), float(np.mean(np.array(gained) < 0))


def rounding(corpora: list[Corpus]) -> dict[str, float]:
    """The same adaptation from stored probabilities and from logits: differences."""
    from ser_batch.evaluation.adaptation import LogitMap
    from ser_batch.model.runtime import softmax

    changed, accuracy, zeros = [], [], []
    for corpus in corpora:
        exact = Corpus(**{**corpus.__dict__, "probabilities": softmax(corpus.logits)})
        stored_map = LogitMap(1.0, equal_shift(corpus, "balanced"))
        adapted = corpus.of_clips(stored_map.apply(corpus.probabilities))
        # without a floor, as from logits
        from_logits = exact.of_clips(softmax(corpus.logits + equal_shift(exact, "balanced")))
        changed.append((adapted.argmax(axis=1) != from_logits.argmax(axis=1)).mean())
        right = [(each.argmax(axis=1) == corpus.actual).mean() for each in (adapted, from_logits)]
        accuracy.append(right[0] - right[1])
        zeros.append((corpus.probabilities == 0).mean())
    return {
        "stored zeros": float(np.mean(zeros)),
        "labels that differ": float(np.mean(changed)),
        "accuracy, mean difference": float(np.mean(accuracy)),
        "accuracy, largest difference": float(np.max(np.abs(accuracy))),
    }


def gain_table(rows: list[dict[str, Any]]) -> str:
    """Means over the corpora: accuracy / UAR / ECE."""
    cells = []
    for archive in ARCHIVES:
        for way in dict.fromkeys(row["way"] for row in rows):
            found = [
                np.mean(
                    [
                        row["found"]
                        for row in rows
                        if (row["archive"], row["way"], row["n"]) == (archive, way, n)
                    ],
                    0,
                )
                for n in LABELS
            ]
            shown = [" / ".join(f"{value:.2f}" for value in each) for each in found]
            same = "label" not in way and way != "`calibrate`"
            cells.append([archive, way, *([shown[0]] + [""] * (len(LABELS) - 1) if same else shown)])
    return table(["archive", "", *(f"{n} labels" for n in LABELS)], cells)


def corpus_table(rows: list[dict[str, Any]], n: int) -> str:
    """Accuracy before and after `calibrate`, of each corpus."""

    def mean(name: str, archive: str, way: str) -> float:
        wanted = (name, archive, way, n)
        return float(
            np.mean([r["found"][0] for r in rows if (r["corpus"], r["archive"], r["way"], r["n"]) == wanted])
        )

    names = list(dict.fromkeys(row["corpus"] for row in rows))
    cells, all_gains = [], []
    for name in names:
        pairs = [(mean(name, each, "as annotated"), mean(name, each, "`calibrate`")) for each in ARCHIVES]
        all_gains += [after - before for before, after in pairs]
        cells.append([name, *(f"{before:.2f} → {after:.2f}" for before, after in pairs)])
    note = f"\n\nMean gain {100 * np.mean(all_gains):.1f} points, least {100 * np.min(all_gains):.1f}."
    return table(["corpus", *ARCHIVES], cells) + note


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--models", nargs="+", default=["crema-d", "crema-d-large"])
    parser.add_argument("--repetitions", type=int, default=20, help="archives of each kind")
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    chosen = parser.parse_args()
    kept: dict[str, Any] = {}
    for model in chosen.models:
        corpora = [annotated(path, model) for path in chosen.corpora]

        def show(title: str, text: str, data: object, model: str = model) -> None:
            print(f"### {model}: {title}\n\n{text}\n", flush=True)
            kept[f"{model}: {title}"] = data

        if "rounding" in chosen.tables:
            exact = rounding(corpora)
            show(
                "rounding", table(["", ""], [[name, f"{value:.4f}"] for name, value in exact.items()]), exact
            )
        if "groups" in chosen.tables:
            small = {n: groups(corpora, n, 3 * chosen.repetitions) for n in (10, 20, 30, 60, 120)}
            cells = [[n, f"{100 * gain:+.1f}", f"{lost:.0%}"] for n, (gain, lost) in small.items()]
            show("groups", table(["segments", "points gained", "groups that lose"], cells), small)
        if "gain" in chosen.tables:
            rows = gains(corpora, chosen.repetitions)
            show("gain: accuracy / UAR / ECE", gain_table(rows), rows)
            show("gain: accuracy of each corpus with 40 labels", corpus_table(rows, 40), None)
        if "audits" in chosen.tables:
            cover = {archive: audits(corpora, archive, 60, range(chosen.audits)) for archive in ARCHIVES}
            cells = [
                [name, *(f"{np.mean(cover[archive][name]):.2f}" for archive in ARCHIVES)]
                for name in cover[ARCHIVES[0]]
            ]
            title = f"audits: how many of {chosen.audits} intervals, from 60 labels each, cover the truth"
            show(title, table(["", *ARCHIVES], cells), cover)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "calibration.json").write_text(json.dumps(kept, indent=2))


if __name__ == "__main__":
    main()
