"""Script that writes the figures of the model cards into the docs: `python docs/make_figures.py`."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("meaning.md", "models.md")
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "not said"}
Figures = dict[str, Any]


def filled(page: str) -> str:
    """A page with fresh figures between `<!-- figures: NAME -->` and `<!-- end -->`."""
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob("models/*/card.json"))]
    made = {"groups": by_group, "classes": by_class, "cards": summaries, "rooms": by_room}

    def fresh(old: re.Match[str]) -> str:
        lines = "\n".join(line for card in cards for line in made[old[2]](card))
        return f"{old[1]}\n\n{lines.strip()}\n\n<!-- end -->"

    return re.sub(r"(<!-- figures: (\w+) -->).*?<!-- end -->", fresh, page, flags=re.DOTALL)


def by_group(card: Figures) -> Iterator[str]:
    """Accuracy and UAR by sex, age and level; by age only accuracy, which groups of ages can be summed up by."""
    groups, overall, about = measured(card)
    ages = {age: row for age, row in card["evaluation"]["groups"].get("age", {}).items() if age.isdigit()}
    levels = groups.get("level", {})
    rows = [("all", "", *both(overall))]
    rows += [("sex", value, *both(row)) for value, row in groups.get("sex", {}).items()]
    rows += [("intensity", name, *both(levels[value])) for value, name in LEVELS.items() if value in levels]
    yield from table(f"**`{card['name']}`**, {about}", ("", "", "clips", "UAR", "accuracy"), rows)
    if ages:
        rows = [
            (band, f"{clips:,}", f"{right / clips:.3f}") for band, (clips, right) in decades(ages).items()
        ]
        yield from table(f"`{card['name']}`, {card['evaluation']['on']}", ("age", "clips", "accuracy"), rows)


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
        for noise, by_ratio in crossed["under_noise"].items():
            heard = ", ".join(f"{row['uar']['mean']:.3f}" for row in by_ratio.values())
            rows.append((f"UAR under noise: {noise}, {', '.join(by_ratio)} dB", heard))
        rows.append(("ECE, all clips of the folds together", f"{crossed['ece_of_all_clips']:.3f}"))
    rows += [("command", f"`{card['command']}`"), ("SHA-256", f"`{card['sha256']}`")]
    yield f"## {card['name']}\n"
    yield from table("", ("", ""), rows)


METRICS = {"UAR": "uar", "accuracy": "accuracy", "macro-F1": "macro_f1", "ECE": "ece"}


def measured(card: Figures) -> tuple[Figures, Figures, str]:
    """Groups and overall figures of the cross-validation if the card has them, else of the evaluation; and on whom."""
    crossed, evaluation = card.get("cross_validation", {}), card["evaluation"]
    if not crossed.get("groups"):
        return evaluation["groups"], evaluation, evaluation["on"]
    clips = sum(row["clips"] for row in crossed["per_class"].values())
    overall = {name: {"mean": crossed["mean"][name], "sd": crossed["sd"][name]} for name in crossed["mean"]}
    about = f"each of the folds {', '.join(crossed['folds'])} held out once, mean ± sd"
    return crossed["groups"], {"clips": clips, **overall}, about


def both(row: Figures) -> tuple[str, str, str]:
    """Clips, UAR and accuracy of a group, with the standard deviation over the folds where there are several."""
    figures = []
    for name in ("uar", "accuracy"):
        figure = row[name]
        text = f"{figure['mean']:.3f} ± {figure['sd']:.3f}" if isinstance(figure, dict) else f"{figure:.3f}"
        figures.append(text)
    return f"{row['clips']:,}", figures[0], figures[1]


def decades(ages: Figures) -> dict[str, tuple[int, int]]:
    """Clips, and how many were recognised, of the speakers between 20 and 29 years, 30 and 39, …"""
    bands: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for age, row in sorted(ages.items()):
        first = int(age) // 10 * 10
        clips, right = bands[f"{first}–{first + 9}"]
        bands[f"{first}–{first + 9}"] = clips + row["clips"], right + round(row["accuracy"] * row["clips"])
    return bands


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
