"""Tables for the terminal: evaluations and model cards."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

MEAN = "mean"  # the corpus of the last row of a table of corpora


def evaluation_tables(summary: dict[str, Any], labels: list[str]) -> list[RenderableType]:
    """Figures, classes, confusion matrix and groups of an evaluation's `summary()`."""
    headline = (
        f"{summary['clips']:,} clips: UAR {summary['uar']:.3f}, accuracy {summary['accuracy']:.3f}, "
        f"macro-F1 {summary['macro_f1']:.3f}\n"
        f"ECE {summary['ece']:.3f} at temperature {summary['temperature']:.2f}, "
        f"{summary['ece_uncalibrated']:.3f} without it"
    )
    shown: list[RenderableType] = [Text(headline, style="bold")]
    shown += [Text(note, style="yellow") for note in summary["notes"]]
    shown += [_classes(summary), _confusion(summary["confusion"], labels)]
    shown += [_under_noise(summary)] if summary.get("under_noise") else []
    shown += [_group(attribute, values) for attribute, values in summary["groups"].items()]
    return shown


def card_tables(card: dict[str, Any]) -> list[RenderableType]:
    """A model's card in full."""
    training, evaluation = card["training"], card["evaluation"]
    speakers = ", ".join(f"{len(who)} {part}" for part, who in training["speakers"].items() if who)
    clips = ", ".join(f"{number:,} {part}" for part, number in training["clips"].items() if number)
    about = Table.grid(padding=(0, 2))
    for name, value in (
        ("model", f"{card['name']}: {card['summary']}"),
        ("labels", ", ".join(card["labels"])),
        (
            "size",
            f"{card['parameters']:,} parameters, {card['bytes'] / 1e6:.1f} MB, {card['weights']} weights",
        ),
        ("denoise", card["denoise"]),
        ("corpus", training["attribution"] or training["corpus"]),
        ("started from", (training.get("start") or {}).get("name")),
        ("teacher", training["teacher"]),
        ("noise", training.get("noise")),
        ("speakers", speakers),
        ("clips", clips),
        ("recipe", (training.get("recipe") or {}).get("name")),
        ("trained", f"{card['created']}, epoch {training['best_epoch']} of {training['epochs']} kept"),
        ("command", card["command"]),
        ("SHA-256", card["sha256"]),
        *(("limits" if i == 0 else "", limit) for i, limit in enumerate(card["limits"])),
        ("measured on", evaluation["on"]),
    ):
        if value:
            about.add_row(Text(name, style="bold"), value)
    crossed = card.get("cross_validation")
    tables = _cross_validation(crossed) if crossed else []
    rooms = corpora_tables(card["rooms"]) if card.get("rooms") else []
    return [about, *tables, *rooms, *evaluation_tables(evaluation, card["labels"])]


def corpora_tables(rows: Iterable[Mapping[str, Any]]) -> list[RenderableType]:
    """Figures of each corpus, and shares of the labels that the model gave; rows of `several.Evaluations.rows`."""
    rows = list(rows)
    names = [name for name in rows[0] if name.startswith("share_")]
    figures = _numbers("corpus", "clips", "labels", "UAR", "accuracy", "ECE", "confidence")
    shares = _numbers("labels given", *(name.removeprefix("share_") for name in names))
    for row in rows:
        style = "bold" if row["corpus"] == MEAN else None
        labels = "" if row["corpus"] == MEAN else str(row["labels"])
        cells = (f"{row[name]:.3f}" for name in ("uar", "accuracy", "ece", "confidence"))
        figures.add_row(row["corpus"], f"{row['clips']:,}", labels, *cells, style=style)
        shares.add_row(row["corpus"], *(f"{row[name]:.0%}" for name in names), style=style)
    return [figures, shares]


def voice_tables(card: dict[str, Any]) -> list[RenderableType]:
    """The card of the voice detector."""
    evaluation, training = card["evaluation"], card["training"]
    about = Table.grid(padding=(0, 2))
    for name, value in (
        ("detector", f"{card['name']}: {card['summary']}"),
        (
            "size",
            f"{card['parameters']:,} parameters, {card['bytes'] / 1e3:.0f} kB, {card['weights']} weights",
        ),
        ("teacher", training["teacher"]),
        ("trained", card["created"]),
        ("command", card["command"]),
        ("SHA-256", card["sha256"]),
        *(("limits" if i == 0 else "", limit) for i, limit in enumerate(card["limits"])),
        ("measured on", evaluation["on"]),
        (
            "AUC",
            f"{evaluation['auc']:.4f}; of recordings of speech {evaluation['auc_speech_recordings']:.4f}",
        ),
    ):
        about.add_row(Text(name, style="bold"), value)
    table = _numbers("recordings", "windows", "with a label", "by the teacher", "AUC")
    for source, row in evaluation["sources"].items():
        by_teacher = (f"{row[name]:.4f}" if name in row else "" for name in ("labelled_by_teacher", "auc"))
        table.add_row(source, f"{row['windows']:,}", f"{row['labelled']:.4f}", *by_teacher)
    return [about, table]


def bundles_table(cards: list[dict[str, Any]]) -> Table:
    """One line a model."""
    table = Table("model", "UAR", "MB", "denoise", "what it is")
    for card in cards:
        crossed = card.get("cross_validation")
        uar = f"{card['evaluation']['uar']:.3f}"
        if crossed:
            uar = f"{crossed['mean']['uar']:.3f} ± {crossed['sd']['uar']:.3f}"
        table.add_row(card["name"], uar, f"{card['bytes'] / 1e6:.1f}", card["denoise"], card["summary"])
    return table


def _classes(summary: dict[str, Any]) -> Table:
    table = _numbers("label", "clips", "precision", "recall", "F1")
    for label, row in summary["per_class"].items():
        figures = (f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))
        table.add_row(label, f"{row['clips']:,}", *figures)
    return table


def _confusion(confusion: list[list[int]], labels: list[str]) -> Table:
    table = _numbers("actual ↓ predicted →", *labels)
    for label, row in zip(labels, confusion, strict=True):
        cells = [Text(str(count), style="bold" if labels[i] == label else "") for i, count in enumerate(row)]
        table.add_row(label, *cells)
    return table


def _under_noise(summary: dict[str, Any]) -> Table:
    table = _numbers("noise", "SNR", "UAR", "accuracy", "macro-F1", "ECE")
    table.add_row("–", "–", *_figures(summary))
    for noise, by_ratio in summary["under_noise"].items():
        for ratio, figures in by_ratio.items():
            table.add_row(noise, f"{ratio} dB", *_figures(figures))
    return table


def _figures(row: dict[str, float]) -> Iterator[str]:
    return (f"{row[figure]:.3f}" for figure in ("uar", "accuracy", "macro_f1", "ece"))


def _group(attribute: str, values: dict[str, dict[str, float]]) -> Table:
    table = _numbers(attribute, "clips", "speakers", "UAR", "accuracy")
    for value, row in values.items():
        speakers = str(row.get("speakers") or "–")
        table.add_row(
            value or "–", f"{row['clips']:,}", speakers, f"{row['uar']:.3f}", f"{row['accuracy']:.3f}"
        )
    return table


def _cross_validation(crossed: dict[str, Any]) -> list[RenderableType]:
    """Figures of each fold; mean ± sd over the folds, of all clips, of each class and of each group."""
    figures = ("uar", "accuracy", "macro_f1", "ece", "ece_uncalibrated")
    folds = _numbers("held-out fold", "UAR", "accuracy", "macro-F1", "ECE", "raw ECE")
    for fold, row in crossed["folds"].items():
        folds.add_row(fold, *(f"{row[figure]:.3f}" for figure in figures if figure in row))
    mean, sd = crossed["mean"], crossed["sd"]
    both = (f"{mean[figure]:.3f} ± {sd[figure]:.3f}" for figure in figures if figure in mean)
    folds.add_row("mean ± sd", *both, style="bold")
    if "ece_of_all_clips" in crossed:
        folds.add_row("all clips together", "", "", "", f"{crossed['ece_of_all_clips']:.3f}")
    shown: list[RenderableType] = [folds]
    parts = {"label": crossed.get("per_class", {}), **crossed.get("groups", {})}
    for attribute, values in parts.items():
        names = ("precision", "recall", "f1") if attribute == "label" else ("uar", "accuracy")
        table = _numbers(f"{attribute}, over folds", "clips", *names)
        for value, row in values.items():
            cells = (f"{row[name]['mean']:.3f} ± {row[name]['sd']:.3f}" for name in names)
            table.add_row(value or "–", f"{row['clips']:,}", *cells)
        shown.append(table)
    if crossed.get("under_noise"):
        table = _numbers("noise, over folds", "SNR", "UAR", "accuracy", "macro-F1")
        for noise, by_ratio in crossed["under_noise"].items():
            for ratio, row in by_ratio.items():
                cells = (
                    f"{row[name]['mean']:.3f} ± {row[name]['sd']:.3f}"
                    for name in ("uar", "accuracy", "macro_f1")
                )
                table.add_row(noise, f"{ratio} dB", *cells)
        shown.append(table)
    return shown


def _numbers(first: str, *others: str) -> Table:
    table = Table(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
