"""The page, and the pictures, sounds and tables that lie beside it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile

from ser_batch.audio import features
from ser_batch.audio.front_end import SAMPLE_RATE, WINDOW_SECONDS
from ser_batch.errors import SerBatchError
from ser_batch.exploration import examples, pictures
from ser_batch.exploration.examples import Array
from ser_batch.exploration.material import Example, Material, clip_rows, count_rows
from ser_batch.output.csv_table import CsvTable
from ser_batch.output.names import in_utf8
from ser_batch.output.replace import Replacement

MOST_EXAMPLES = 20
MOST_LINES = 200
REDUCED = "noise reduced: noisereduce above, the gate below"

HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
img-src 'self' file: data:; media-src 'self' file:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
"""


def write_page(material: Material, folder: Path, seed: int | None = None) -> Path:
    """Write `index.html`, its pictures and sounds, `clips.csv`, `counts.csv` and `left-out.csv`; return the page.

    Args:
        material: the corpus.
        folder: made if need be; what is in it under these names is replaced.
        seed: draws the examples and the augmentations; None for typical examples, and the draws of seed 0.

    Raises:
        SerBatchError: something cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_csv(folder / "clips.csv", clip_rows(material))
        _write_csv(folder / "counts.csv", count_rows(material))
        _write_csv(folder / "left-out.csv", [["file", "reason"], *map(list, material.corpus.skipped)])
        style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
        title = _text(material.corpus.name)
        replacement = Replacement(folder / "index.html")
        replacement.file.write(f"{HEAD}<title>{title} – a corpus of emotion in speech</title>\n")
        replacement.file.write(f"<style>{style}</style>\n</head>\n<body>\n")
        for part in _body(material, folder, seed):
            replacement.file.write(part + "\n")
        replacement.file.write("</body>\n</html>\n")
        replacement.close()
    except OSError as error:
        raise SerBatchError(f"cannot write {folder} ({error.strerror}): choose another with -o") from error
    return folder / "index.html"


def _body(material: Material, folder: Path, seed: int | None) -> Iterator[str]:
    yield f'<header><p class="eyebrow">A corpus of emotion in speech</p><h1>{_text(material.corpus.name)}</h1>'
    yield f"<p class=soft>{_totals(material)}</p>{_notes(list(_remarks(material)))}</header>\n<main>"
    yield from _counts(material, folder)
    yield from _checks(material)
    yield from _examples(material, folder, seed)
    yield "</main>"


def _totals(material: Material) -> str:
    seconds = sum(quality.duration or 0 for _, quality in material.clips)
    speakers = len({clip.speaker for clip, _ in material.clips})
    of_whom = f"{speakers:,} speakers" if material.corpus.speakers_known else "speakers not known"
    hours, minutes = divmod(round(seconds / 60), 60)
    length = f"{hours} h {minutes} min" if hours else f"{seconds / 60:.1f} min"
    return f"{len(material.clips):,} clips · {len(material.labels)} labels · {of_whom} · {length}"


def _remarks(material: Material) -> Iterator[str]:
    """What to think of before training."""
    if material.table:
        yield "From a feature table: there is no audio to check or to hear, and durations end at 3.0 s."
    elif long := sum((quality.duration or 0) > WINDOW_SECONDS for _, quality in material.clips):
        yield f"{_counted(long, 'clip is', 'clips are')} longer than 3.0 s: training hears the first 3.0 s of a clip."
    if not material.corpus.speakers_known:
        yield (
            "No speakers can be told apart, so that every clip counts as a speaker: "
            "figures on held-out clips would say little about new voices."
        )
    for name, values in material.counts().items():
        if name not in ("label", "speaker") and len(values) <= pictures.MOST_BARS:
            lacking = [
                f"{value}: no {', '.join(missing)}"
                for value, by_label in values.items()
                if value and (missing := [label for label in material.labels if not by_label[label]])
            ]
            if lacking:
                yield (
                    f"Not every label is there for every {_name(name)} ({_text('; '.join(lacking))}): "
                    "a network may take the one for the other."
                )
    if broken := sum(map(bool, material.troubles)):
        yield f'{_counted(broken, "clip looks", "clips look")} broken: see <a href="#checks">below</a>.'
    if left := len(material.corpus.skipped):
        files = _counted(left, "file was", "files were")
        yield f'{files} left out: <a href="left-out.csv">left-out.csv</a> has the reasons.'


def _counts(material: Material, folder: Path) -> Iterator[str]:
    counts = material.counts()
    yield "<h2>How many, how long, how loud</h2>"
    head = ["Label", "Clips", "Share", "Speakers", "Minutes", "Median, s", "Median level, dB"]
    lines = []
    for label in material.labels:
        chosen = [(clip, quality) for clip, quality in material.clips if clip.label == label]
        durations = [quality.duration for _, quality in chosen if quality.duration is not None]
        levels = [quality.rms_db for _, quality in chosen if quality.rms_db is not None]
        lines.append(
            [
                label,
                f"{len(chosen):,}",
                f"{len(chosen) / len(material.clips):.1%}",
                f"{len({clip.speaker for clip, _ in chosen}):,}" if material.corpus.speakers_known else "–",
                f"{sum(durations) / 60:.1f}",
                f"{np.median(durations):.2f}" if durations else "–",
                f"{np.median(levels):.1f}" if levels else "–",
            ]
        )
    yield _table("Labels", head, lines, " class=number")
    # an attribute that tells each clip from all others, such as a number, is no group
    groups = {name: values for name, values in counts.items() if 1 < len(values) < len(material.clips)}
    if groups:
        pictures.save_counts(groups, folder / "counts.png")
        said = "; ".join(f"{name}: {_spelled(values)}" for name, values in groups.items())
        yield _figure(
            "counts.png", f"Bars of the number of clips. {said}", "Clips by label and by attribute."
        )
    if same := [
        f"{_name(name)} {_text(next(iter(values)))}" for name, values in counts.items() if len(values) == 1
    ]:
        yield f"<p>All clips: {', '.join(same)}.</p>"
    measured = {
        "duration, s": "duration",
        "level, dB relative to full scale": "rms_db",
        "silent share": "silence",
    }
    figures = {title: _by_label(material, field) for title, field in measured.items()}
    if figures := {title: found for title, found in figures.items() if found}:
        pictures.save_spread(figures, folder / "spread.png")
        drawn = ", ".join(figures)
        yield _figure(
            "spread.png",
            f"Histograms of {drawn}, and by label",
            "All clips above. By label below: the dot is the median, the bar the middle half, the line 5 to 95 %.",
        )
    yield '<p>Tables: <a href="counts.csv">counts.csv</a>, clips of each label by each attribute; '
    yield '<a href="clips.csv">clips.csv</a>, what is known of each clip.</p>'


def _checks(material: Material) -> Iterator[str]:
    yield '<h2 id="checks">What looks broken</h2>'
    if not any(quality.digest for _, quality in material.clips):
        yield "<p>The audio was not checked.</p>"
    else:
        yield (
            "<p>Every clip was decoded. Named are clips that cannot be read, that are silent, shorter than 0.5 s, "
            "the same as an earlier one sample by sample, or clipped: more than 0.1 % of the samples at full scale.</p>"
        )
    rows = zip(material.corpus.clips, material.troubles, strict=True)
    found = [[clip.name, clip.label, trouble] for clip, trouble in rows if trouble]
    if found:
        yield _table("Clips that look broken", ["Clip", "Label", "Trouble"], found[:MOST_LINES])
    if len(found) > MOST_LINES:
        yield f'<p>{len(found) - MOST_LINES:,} more are in <a href="clips.csv">clips.csv</a>.</p>'
    if not found:
        yield "<p>None.</p>"


def _examples(material: Material, folder: Path, seed: int | None) -> Iterator[str]:
    yield "<h2>An example of each label</h2>"
    yield (
        "<p>Of one voice as far as one has the labels. The log-mel and the MFCC are the arrays that a network takes: "
        "the first 3.0 s, in dB relative to the loudest cell, zero-padded.</p>"
    )
    drawn = [material.example(label, seed) for label in material.labels[:MOST_EXAMPLES]]
    shown = [example for example in drawn if example]
    if not shown:
        yield "<p>No clip can be read.</p>"
        return
    overview = {example.clip.label: example.bands for example in shown}
    pictures.save_log_mels(overview, folder / "examples.png")
    yield _figure("examples.png", f"Log-mel spectrograms: {', '.join(overview)}", "Log-mel of each example.")
    if len(material.labels) > MOST_EXAMPLES:
        yield f"<p>Only {MOST_EXAMPLES} of {len(material.labels):,} labels are shown.</p>"
    for k, example in enumerate(shown, 1):
        yield from _example(material, example, folder, f"example-{k:02}-{_slug(example.clip.label)}")
    yield from _augmentations(shown[0], folder, seed or 0)


def _example(material: Material, example: Example, folder: Path, name: str) -> Iterator[str]:
    clip, samples, bands = example.clip, example.samples, example.bands
    yield f"<h3>{_text(clip.label)}</h3>"
    told = [f"speaker {clip.speaker}"] if material.corpus.speakers_known else []
    told += [
        f"{key} {value}" for key, value in clip.attributes.items() if value and not key.startswith("vote_")
    ]
    yield f"<p class=soft>{_text(' · '.join([clip.name, *told]))}</p>"
    columns: dict[str, tuple[Array | None, Array]] = {"as recorded": (samples, bands)}
    drawn = "Log-mel and MFCC"
    if samples is not None:
        clean = examples.cleaned(samples)
        columns[REDUCED] = (clean, features.log_mel(samples, "gate"))
        drawn = "Waveform, spectrogram, log-mel and MFCC"
        yield _sounds({"as recorded": samples, "noise reduced": clean}, folder, name)
    elif material.table and material.table.denoise != "off":
        columns = {f"after {material.table.denoise}": (None, bands)}
    pictures.save_example(columns, folder / f"{name}.png")
    yield _figure(f"{name}.png", f"{drawn} of {clip.name} ({clip.label}): {', '.join(columns)}")


def _augmentations(example: Example, folder: Path, seed: int) -> Iterator[str]:
    yield f"<h2>What training makes of it</h2><p>The example of {_text(example.clip.label)}; "
    yield "of each change, the draw of five that changes most.</p>"
    if example.samples is not None:
        waves = examples.waveforms(example.samples, seed)
        pictures.save_waveforms(waves, folder / "augmented-waveforms.png")
        yield "<h3>Waveforms: <code>train --augment waveform</code></h3>"
        yield _sounds(waves, folder, "augmented")
        yield _figure("augmented-waveforms.png", f"Waveform and log-mel of the example: {', '.join(waves)}")
    drawn = examples.spectrograms(example.bands, example.frames, seed)
    pictures.save_log_mels(drawn, folder / "augmented-spectrograms.png")
    yield "<h3>Spectrograms: <code>train</code>, by default</h3>"
    yield _figure(
        "augmented-spectrograms.png",
        f"Log-mel of the example: {'; '.join(drawn)}",
        "Each change by itself, then all together as drawn in training, where a crop makes the picture shorter.",
    )


def _sounds(sounds: Mapping[str, Array], folder: Path, name: str) -> str:
    """Write WAV files, and the list in which they are played."""
    items = []
    for title, samples in sounds.items():
        file = f"{name}-{_slug(title)}.wav"
        soundfile.write(folder / file, samples, SAMPLE_RATE, subtype="PCM_16")
        audio = f'<audio controls preload=metadata aria-label="{title}, {name}" src="{file}"></audio>'
        items.append(f"<li><span>{title}</span>{audio}</li>")
    return f"<ul class=sounds>{''.join(items)}</ul>"


def _figure(file: str, alt: str, caption: str = "") -> str:
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{file}" alt="{_text(alt)}" loading=lazy>{said}</figure>'


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table that scrolls by itself; `kind` is the class of all columns but the first."""
    top = "".join(f"<th scope=col{kind if k else ''}>{cell}</th>" for k, cell in enumerate(head))
    lines = (
        "<tr>" + "".join(f"<td{kind if k else ''}>{_text(cell)}</td>" for k, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    # in a small window it is scrolled, also by keys
    return f'<div class=wide role=region aria-label="{title}" tabindex=0>{table}</div>'


def _notes(remarks: Sequence[str]) -> str:
    return f"<ul class=notes>{''.join(f'<li>{each}</li>' for each in remarks)}</ul>" if remarks else ""


def _by_label(material: Material, field: str) -> dict[str, list[float]]:
    """What was measured, by label; empty where nothing was."""
    found: dict[str, list[float]] = {}
    for clip, quality in material.clips:
        value = getattr(quality, field)
        if value is not None:
            found.setdefault(clip.label, []).append(value)
    return dict(sorted(found.items()))


def _spelled(values: Mapping[str, Counter[str]]) -> str:
    if len(values) > pictures.MOST_BARS:
        return f"{len(values):,} values"
    return ", ".join(f"{value or '–'} {by_label.total():,}" for value, by_label in values.items())


def _write_csv(path: Path, rows: Iterable[Sequence[str | float | None]]) -> None:
    lines = iter(rows)
    table = CsvTable(path, [str(column) for column in next(lines)])
    for line in lines:
        table.write(line)
    table.close()


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "label"


def _text(name: str) -> str:
    """A name as HTML, also in quotation marks; bytes that are not UTF-8 are spelled out."""
    return escape(in_utf8(name))


def _name(attribute: str) -> str:
    return _text(attribute.replace("_", " "))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
