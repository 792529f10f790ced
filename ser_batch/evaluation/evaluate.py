"""Evaluation of a network on a labelled corpus: figures, confusion matrix, groups, predicted/actual table."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.noise import Noise
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.corpora.joining import qualified_speakers
from ser_batch.errors import SerBatchError
from ser_batch.evaluation import metrics, plots
from ser_batch.evaluation.noise_tests import noisy_log_mel
from ser_batch.model.runtime import Network, softmax

if TYPE_CHECKING:
    from rich.console import Group

MOST_GROUPS = 16
SNRS = (20.0, 10.0, 5.0, 0.0)


@dataclass(frozen=True)
class Evaluation:
    """Logits of a network for labelled clips, and the figures computed from them.

    Attributes:
        labels: of the network, in the order of the logits.
        names: of the clips.
        actual: `[clips]`, the index of each clip's label.
        logits: `[clips, n_classes]`.
        temperature: from the model's card.
        attributes: columns to group the clips by.
        notes: reasons why the figures may mislead.
        speakers: of the clips.
        corpus: name of the corpus.
        under_noise: by noise and by signal-to-noise ratio in dB, the figures of the same clips with that noise.
    """

    labels: list[str]
    names: list[str]
    actual: NDArray[np.int64]
    logits: NDArray[np.float32]
    temperature: float
    attributes: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    speakers: list[str] = field(default_factory=list)
    corpus: str = ""
    under_noise: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the predicted label of each clip."""
        return self.logits.argmax(axis=1)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Calibrated, `[clips, n_classes]`."""
        return softmax(self.logits, self.temperature)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Counts `[actual, predicted]`."""
        return metrics.confusion_matrix(self.actual, self.predicted, len(self.labels))

    def summary(self) -> dict[str, Any]:
        """All figures, in JSON's types."""
        confusion = self.confusion
        per_class = zip(
            self.labels,
            confusion.sum(axis=1),
            metrics.precision(confusion),
            metrics.recall(confusion),
            metrics.f1(confusion),
            strict=True,
        )
        return {
            "clips": len(self.names),
            **self.figures(),
            "temperature": self.temperature,
            "per_class": {
                label: {"clips": int(clips), "precision": float(p), "recall": float(r), "f1": float(f)}
                for label, clips, p, r, f in per_class
                if clips
            },
            "groups": self.groups(),
            "under_noise": self.under_noise,
            "confusion": confusion.tolist(),
            "notes": list(self.notes),
        }

    def figures(self) -> dict[str, float]:
        """The figures over all clips."""
        confusion = self.confusion
        return {
            "uar": metrics.uar(confusion),
            "accuracy": metrics.accuracy(confusion),
            "macro_f1": metrics.macro_f1(confusion),
            "ece": metrics.expected_calibration_error(self.probabilities, self.actual),
            "ece_uncalibrated": metrics.expected_calibration_error(softmax(self.logits), self.actual),
        }

    def groups(self) -> dict[str, dict[str, dict[str, float]]]:
        """Clips, speakers, UAR and accuracy by value of each attribute that has 2 to 16 values; ages by decade.

        Clips without a value are in no group.
        """
        columns = dict(self.attributes)
        if "age" in columns:
            columns["age"] = _decades(columns["age"])
        values = {attribute: sorted(set(column) - {""}) for attribute, column in columns.items()}
        return {
            attribute: {value: self._group(np.array(column) == value) for value in values[attribute]}
            for attribute, column in columns.items()
            if 2 <= len(values[attribute]) <= MOST_GROUPS
            and attribute != "fold"
            and not attribute.startswith("vote_")
        }

    def _group(self, mask: NDArray[np.bool_]) -> dict[str, float]:
        confusion = metrics.confusion_matrix(self.actual[mask], self.predicted[mask], len(self.labels))
        return {
            "clips": int(mask.sum()),
            "speakers": len(
                {speaker for speaker, chosen in zip(self.speakers, mask, strict=False) if chosen}
            ),
            "uar": metrics.uar(confusion),
            "accuracy": metrics.accuracy(confusion),
        }

    def save(self, out: str | PathLike[str]) -> None:
        """Write metrics.json, predictions.csv, confusion.csv and the pictures of the last and of calibration.

        Raises:
            SerBatchError: the directory cannot be written.
        """
        out = Path(out)
        try:
            out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.summary(), indent=2, ensure_ascii=False)
            (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
            self._save_predictions(out / "predictions.csv")
            with (out / "confusion.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["actual", *self.labels])
                writer.writerows(
                    [label, *row] for label, row in zip(self.labels, self.confusion.tolist(), strict=True)
                )
            plots.save_confusion(self.confusion, self.labels, out / "confusion.png")
            plots.save_reliability(self.probabilities, self.actual, out / "reliability.png")
        except OSError as error:
            raise SerBatchError(
                f"{out}: the evaluation cannot be written ({error.strerror}): choose another folder"
            ) from error

    def _save_predictions(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "actual", "predicted", *(f"p_{label}" for label in self.labels)])
            for name, actual, predicted, probabilities in zip(
                self.names, self.actual, self.predicted, self.probabilities, strict=True
            ):
                shares = (f"{p:.4f}" for p in probabilities)
                writer.writerow([name, self.labels[actual], self.labels[predicted], *shares])

    def render(self) -> "Group":
        """The same for a terminal."""
        from rich.console import Group

        from ser_batch.evaluation.terminal_tables import evaluation_tables

        return Group(*evaluation_tables(self.summary(), self.labels))


def _decades(ages: Sequence[str]) -> list[str]:
    """`30–39` for 34; what is not a number stays."""
    return [f"{(low := int(age) // 10 * 10)}–{low + 9}" if age.isdigit() else age for age in ages]


def evaluate(
    network: Network,
    table: FeatureTable,
    labels: list[str],
    temperature: float,
    notes: tuple[str, ...] = (),
    noises: Sequence[Noise] = (),
    snrs: Sequence[float] = SNRS,
    quiet: bool = True,
) -> Evaluation:
    """Run a network on the clips of a table; those with labels that it does not know are left out.

    Args:
        network: exported.
        table: labelled clips.
        labels: of the network, in the order of its logits.
        temperature: from the model's card.
        notes: reasons why the figures may mislead.
        noises: the clips are also measured under each of them,
        snrs: at each of these signal-to-noise ratios in dB.
        quiet: draw no progress bar.

    Raises:
        SerBatchError: the network knows none of the corpus's labels, or noise cannot be mixed with the table.
    """
    known = np.isin(table.labels, labels)
    if not known.any():
        raise SerBatchError(
            f"{table.corpus}: none of the model's labels ({', '.join(labels)}) but "
            f"{', '.join(sorted(set(table.labels)))}: rename labels with --labels"
        )
    if not known.all():
        foreign = sorted(set(table.labels) - set(labels))
        notes = (
            *notes,
            f"{int((~known).sum())} clips left out: the model does not know {', '.join(foreign)}.",
        )
        table = table.select(known)
    missing = [label for label in labels if label not in table.labels]
    if missing:
        notes = (*notes, f"The corpus has no {', '.join(missing)}; predicting it counts as an error.")
    clean = Evaluation(
        labels,
        table.names,
        np.array([labels.index(label) for label in table.labels]),
        logits_of(network, table, quiet),
        temperature,
        table.attributes,
        notes,
        table.speakers,
        table.corpus,
    )
    under_noise = {
        noise.source: {
            f"{snr:g}": replace(clean, logits=logits_of(network, table, quiet, (noise, snr))).figures()
            for snr in snrs
        }
        for noise in noises
    }
    return replace(clean, under_noise=under_noise)


def evaluate_bundle(
    bundle: Any,
    table: FeatureTable,
    notes: tuple[str, ...] = (),
    noises: Sequence[Noise] = (),
    snrs: Sequence[float] = SNRS,
    quiet: bool = True,
) -> Evaluation:
    """Run a bundle on a table; the notes say why the figures may be too good or too bad.

    Args:
        bundle: a `ser_batch.model.bundle.Bundle`.
        table: labelled clips.
        notes: reasons why the figures may mislead, known before.
        noises: as for `evaluate`.
        snrs: as for `evaluate`.
        quiet: draw no progress bar.
    """
    if table.denoise != bundle.denoise:
        notes += (f"Noise reduction is {table.denoise} here; the model was trained with {bundle.denoise}.",)
    seen = seen_speakers(bundle.card) & qualified_speakers(table.corpus, set(table.speakers))
    if seen:
        notes += (
            f"{len(seen)} of the {len(set(table.speakers))} speakers took part in the training: "
            "these figures say little about new speakers.",
        )
    network = Network(bundle.network_path)
    return evaluate(network, table, bundle.labels, bundle.temperature, notes, noises, snrs, quiet)


def seen_speakers(card: dict[str, Any]) -> set[str]:
    """Speakers whom a model, or the one it started from, was trained on; named as by `qualified_speakers`."""
    training = card["training"]
    seen = {*training["speakers"]["train"], *training["speakers"]["validation"]}
    return qualified_speakers(training["corpus"], seen) | set((training.get("start") or {}).get("voices", []))


def held_out_clips(bundle: Any, table: FeatureTable) -> FeatureTable:
    """The clips of the speakers that a bundle's training held out for test.

    Raises:
        SerBatchError: the table has none of them.
    """
    training = bundle.card["training"]
    held_out = qualified_speakers(training["corpus"], set(training["speakers"]["test"]))
    theirs = np.array(
        [bool(qualified_speakers(table.corpus, {speaker}) & held_out) for speaker in table.speakers]
    )
    if not theirs.any():
        raise SerBatchError(
            f"{bundle.path}: its training held out no speaker of {table.corpus}: leave out --held-out"
        )
    return table.select(theirs)


def logits_of(
    network: Network, table: FeatureTable, quiet: bool = True, under: tuple[Noise, float] | None = None
) -> NDArray[np.float32]:
    """Logits `[clips, n_classes]` of all clips of a table, as they are or under noise at a ratio in dB."""
    from tqdm import tqdm

    title = f"{under[0].source} {under[1]:g} dB" if under else "evaluating"
    rows = tqdm(range(len(table)), desc=title, unit="clip", disable=True if quiet else None)
    if under:
        return np.stack([network(noisy_log_mel(table, row, *under)) for row in rows])
    return np.stack([network(table.log_mel(slice(row, row + 1))[0]) for row in rows])
