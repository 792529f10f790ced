"""Script that writes the figures of the model cards into the docs: `python docs/make_figures.py`."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("meaning.md", "models.md")
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "not said"}
GROUPS = {
    "corpus": "corpus",
    "sex": "sex",
    "age": "age",
    "race": "race",
    "ethnicity": "ethnicity",
    "level": "intensity",
}
BEHIND = 3  # points of UAR
MIN_ACTORS = 3  # smaller groups differ by chance
Figures = dict[str, Any]


def filled(page: str) -> str:
    """A page with fresh figures between `<!-- figures: NAME -->` and `<!-- end -->`."""
    paths = [path for path in sorted(ROOT.glob("models/*/card.json")) if path.parent.name != "voice"]
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    made = {"groups": by_group, "classes": by_class, "cards": summaries, "rooms": by_room}

    def fresh(old: re.Match[str]) -> str:
        lines = "\n".join(line for card in cards for line in made[old[2]](card))
        return f"{old[1]}\n\n{lines.strip()}\n\n<!-- end -->"

    return re.sub(r"(<!-- figures: (\w+) -->).*?<!-- end -->", fresh, page, flags=re.DOTALL)


def by_group(card: Figures) -> Iterator[str]:
    """UAR and accuracy by sex, age, race, ethnicity and level, and the difference of the UAR from that of all clips."""
    groups, overall, about = measured(card)
    rows = [("all", "", *both(overall), "")]
    behind = []
    for attribute, title in GROUPS.items():
        for value, row in groups.get(attribute, {}).items():
            if value.isdigit():  # a single year, in cards of earlier versions
                continue
            difference = 100 * (mean(row["uar"]) - mean(overall["uar"]))
            name = LEVELS.get(value, value)
            rows.append((title, name, *both(row), f"{difference:+.1f}"))
            if difference <= -BEHIND and row.get("speakers", MIN_ACTORS) >= MIN_ACTORS:
                behind.append(f"{title} {name} ({difference:+.1f})")
    heads = ("", "", "actors", "clips", "UAR", "accuracy", "points from all")
    yield from table(f"**`{card['name']}`**, {about}", heads, rows)
    if behind:
        yield f"{BEHIND} points of UAR or more behind all clips: {', '.join(behind)}.\n"


def by_room(card: Figures) -> Iterator[str]:
    """Figures of corpora that the model was not trained on."""
    heads = ("corpus", "clips", "UAR", "ECE", "mean confidence", "most common label given")
    rows = []
    for row in card.get("rooms", []):
        share, label = max((value, name) for name, value in row.items() if name.startswith("share_"))
        figures = (f"{row[name]:.3f}" for name in ("uar", "ece", "confidence"))
        rows.append(
            (row["corpus"], f"{row['clips']:,}", *figures, f"{label.removeprefix('share_')} ({share:.0%})")
        )
    if rows:
        yield from table(f"**`{card['name']}`**", heads, rows)


def by_class(card: Figures) -> Iterator[str]:
    """Precision, recall and what each emotion was taken for most often."""
    evaluation, labels = card["evaluation"], card["labels"]
    rows = []
    for label, counts in zip(labels, evaluation["confusion"], strict=True):
        row = evaluation["per_class"][label]
        wrong, taken = max((n, other) for n, other in zip(counts, labels, strict=True) if other != label)
        mistaken = f"{taken} ({wrong / sum(counts):.0%})"
        rows.append((label, row["clips"], f"{row['recall']:.3f}", f"{row['precision']:.3f}", mistaken))
    heads = ("meant", "clips", "recall", "precision", "most often mistaken for")
    yield from table(f"**`{card['name']}`**, {evaluation['on']}", heads, rows)


def summaries(card: Figures) -> Iterator[str]:
    """What a card says of the whole."""
    training, evaluation, crossed = card["training"], card["evaluation"], card.get("cross_validation")
    rows = [
        ("what it is", card["summary"]),
        (
            "size",
            f"{card['parameters']:,} parameters, {card['bytes'] / 1e6:.1f} MB, {card['weights']} weights",
        ),
        ("labels", ", ".join(card["labels"])),
        ("noise reduction", card["denoise"]),
        ("trained on", training["attribution"]),
        ("speakers", ", ".join(f"{len(who)} {part}" for part, who in training["speakers"].items() if who)),
        ("measured on", f"{evaluation['on']}: {evaluation['clips']:,} clips"),
        *((name, f"{evaluation[key]:.3f}") for name, key in METRICS.items()),
        ("ECE before calibration", f"{evaluation['ece_uncalibrated']:.3f}"),
    ]
    if crossed:
        for name, key in METRICS.items():
            mean_sd = f"{crossed['mean'][key]:.3f} ± {crossed['sd'][key]:.3f}"
            rows.append((f"{name}, folds {', '.join(crossed['folds'])}", mean_sd))
        for corpus, row in crossed["groups"].get("corpus", {}).items():
            mean_sd = f"{row['uar']['mean']:.3f} ± {row['uar']['sd']:.3f}"
            rows.append((f"UAR, folds, {corpus} alone", f"{mean_sd} ({row['speakers']} speakers)"))
        for noise, by_ratio in crossed["under_noise"].items():
            heard = ", ".join(f"{row['uar']['mean']:.3f}" for row in by_ratio.values())
            rows.append((f"UAR under noise: {noise}, {', '.join(by_ratio)} dB", heard))
        rows.append(("ECE, all clips of the folds together", f"{crossed['ece_of_all_clips']:.3f}"))
    rows += [("command", f"`{card['command']}`"), ("SHA-256", f"`{card['sha256']}`")]
    yield f"## {card['name']}\n"
    yield from table("", ("", ""), rows)


METRICS = {"UAR": "uar", "accuracy": "accuracy", "macro-F1": "macro_f1", "ECE": "ece"}


def measured(card: Figures) -> tuple[Figures, Figures, str]:
    """Groups and figures of all clips, each by a network not trained on it, or means over the folds; and on whom."""
    crossed, evaluation = card.get("cross_validation", {}), card["evaluation"]
    by_sex = evaluation["groups"].get("sex", {}).values()
    if not crossed.get("groups") or any("speakers" in row for row in by_sex):
        return evaluation["groups"], evaluation, evaluation["on"]
    clips = sum(row["clips"] for row in crossed["per_class"].values())
    overall = {name: {"mean": crossed["mean"][name], "sd": crossed["sd"][name]} for name in crossed["mean"]}
    about = f"each of the folds {', '.join(crossed['folds'])} held out once, mean ± sd"
    return crossed["groups"], {"clips": clips, **overall}, about


def both(row: Figures) -> tuple[str, str, str, str]:
    """Actors, clips, UAR and accuracy of a group, with the standard deviation over folds if there are several."""
    figures = []
    for name in ("uar", "accuracy"):
        figure = row[name]
        text = f"{figure['mean']:.3f} ± {figure['sd']:.3f}" if isinstance(figure, dict) else f"{figure:.3f}"
        figures.append(text)
    return str(row.get("speakers", "")), f"{row['clips']:,}", figures[0], figures[1]


def mean(figure: float | Figures) -> float:
    """A figure, or its mean over the folds."""
    return figure["mean"] if isinstance(figure, dict) else figure


def table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """A title and a table in Markdown."""
    if title:
        yield f"{title}:\n"
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
    yield ""


if __name__ == "__main__":
    for name in PAGES:
        page = ROOT / "docs" / name
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
