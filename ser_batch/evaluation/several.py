"""Evaluation of a network on several corpora: one table, a row for each corpus and their mean, as CSV and picture."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_batch.errors import SerBatchError
from ser_batch.evaluation import plots
from ser_batch.evaluation.evaluate import Evaluation
from ser_batch.evaluation.terminal_tables import MEAN, corpora_tables

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class Evaluations:
    """Evaluations of one network, by corpus.

    Attributes:
        by_corpus: for each corpus's title its evaluation.
    """

    by_corpus: Mapping[str, Evaluation]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each corpus, and the mean of the rows as the last one, in JSON's types.

        `uar` is over the labels that the corpus has (`labels` of them); `confidence` is the mean over the clips, and
        `share_<label>` the share of the clips that the network gave the label.
        """
        rows = [{"corpus": title, **_figures(each)} for title, each in self.by_corpus.items()]
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "corpus"}
        clips = sum(row["clips"] for row in rows)
        return [*rows, {"corpus": MEAN, **mean, "clips": clips}]

    def save(self, out: str | PathLike[str]) -> None:
        """Write corpora.csv and corpora.png, and the evaluation of each corpus to a folder of its own.

        Raises:
            SerBatchError: the directory cannot be written.
        """
        out = Path(out)
        for title, evaluation in self.by_corpus.items():
            evaluation.save(out / title)
        rows = self.rows()
        try:
            with (out / "corpora.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(
                    {name: f"{v:.4f}" if isinstance(v, float) else v for name, v in row.items()}
                    for row in rows
                )
            plots.save_corpora(rows, out / "corpora.png")
        except OSError as error:
            raise SerBatchError(
                f"{out}: cannot be written ({error.strerror}): choose another folder"
            ) from error

    def render(self) -> "Group":
        """The rows for a terminal."""
        from rich.console import Group

        return Group(*corpora_tables(self.rows()))


def titles_of(corpora: Iterable[tuple[str, str]]) -> list[str]:
    """Titles from names and paths of corpora: the name, or the folder's where several have the same (`labels.csv`)."""
    pairs = list(corpora)
    names = [name for name, _ in pairs]
    titles = [Path(path).absolute().parent.name if names.count(name) > 1 else name for name, path in pairs]
    return [f"{title}-{i + 1}" if (i := titles[:n].count(title)) else title for n, title in enumerate(titles)]


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    figures, given = evaluation.figures(), np.bincount(evaluation.predicted, minlength=len(evaluation.labels))
    return {
        "clips": len(evaluation.names),
        "labels": len(set(evaluation.actual.tolist())),
        **{name: figures[name] for name in ("uar", "accuracy", "ece")},
        "confidence": float(evaluation.probabilities.max(axis=1).mean()),
        **{
            f"share_{label}": float(count / given.sum())
            for label, count in zip(evaluation.labels, given, strict=True)
        },
    }
