"""HTML page of a labelled corpus, with its plots, sounds and tables beside it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

import pandas as pd
import soundfile

from ser_batch.audio import features
from ser_batch.audio.denoise import noisereduce_samples
from ser_batch.audio.front_end import SAMPLE_RATE, WINDOW_SECONDS
from ser_batch.errors import SerBatchError
from ser_batch.exploration import examples, plots
from ser_batch.exploration.clip_table import ClipTable, Example
from ser_batch.exploration.examples import Array
from ser_batch.output.csv_table import CsvTable
from ser_batch.output.names import in_utf8
from ser_batch.output.replace import Replacement

MOST_EXAMPLES = 20
MOST_LINES = 200
REDUCED = "noise reduced: noisereduce above, the gate below"


def write_page(table: ClipTable, folder: Path, seed: int | None = None) -> Path:
    """Write `index.html`, its plots and sounds, `clips.csv`, `counts.csv` and `left-out.csv`; return the page.

    Args:
        table: the clips of the corpus.
        folder: made if need be; files of these names in it are replaced.
        seed: seed of the choice of examples and of the augmentations; None: typical examples, augmentations of seed 0.

    Raises:
        SerBatchError: something cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_csv(folder / "clips.csv", table.clip_rows())
        _write_csv(folder / "counts.csv", table.count_rows())
        _write_csv(
            folder / "left-out.csv",
            [("file", "reason"), *table.corpus.skipped],
        )
        template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
        parts = [*_counts(table, folder), *_problems(table), *_examples(table, folder, seed)]
        page = Replacement(folder / "index.html")
        page.file.write(
            template.substitute(title=_text(table.corpus.name), head=_head(table), main="\n".join(parts))
        )
        page.close()
    except OSError as error:
        raise SerBatchError(
            f"{folder}: cannot be written ({error.strerror}): choose another folder with -o"
        ) from error
    return folder / "index.html"


def _head(table: ClipTable) -> str:
    """Totals, and what to consider before training."""
    minutes = table.readable["duration"].sum() / 60
    length = f"{minutes // 60:.0f} h {minutes % 60:.0f} min" if minutes >= 60 else f"{minutes:.1f} min"
    speakers = (
        f"{table.readable['speaker'].nunique():,} speakers"
        if table.corpus.speakers_known
        else "speakers not known"
    )
    totals = f"{len(table.readable):,} clips · {len(table.labels)} labels · {speakers} · {length}"
    remarks = "".join(f"<li>{remark}</li>" for remark in _remarks(table))
    return f"<p class=soft>{totals}</p>" + (f"<ul class=notes>{remarks}</ul>" if remarks else "")


def _remarks(table: ClipTable) -> Iterator[str]:
    if table.stored:
        yield "From a feature table: there is no audio to check or to play, and durations end at 3.0 s."
    elif long := int((table.readable["duration"] > WINDOW_SECONDS).sum()):
        clips = _counted(long, "clip is", "clips are")
        yield f"{clips} longer than 3.0 s: training uses only the first 3.0 s of a clip."
    yield from map(_text, table.corpus.notes)
    for name, counts in table.counts.items():
        if name in ("label", "speaker") or len(counts) > plots.MOST_BARS:
            continue
        lacking = [
            f"{value}: no {', '.join(by_label.index[by_label == 0])}"
            for value, by_label in counts.iterrows()
            if value and (by_label == 0).any()
        ]
        if lacking:
            yield (
                f"Not every label occurs with every {_name(name)} ({_text('; '.join(lacking))}): "
                "a network may confuse the two."
            )
    if broken := int((table.frame["problem"] != "").sum()):
        yield f'{_counted(broken, "clip has", "clips have")} problems: see <a href="#checks">below</a>.'
    if left := len(table.corpus.skipped):
        files = _counted(left, "file was", "files were")
        yield f'{files} left out: <a href="left-out.csv">left-out.csv</a> has the reasons.'


def _counts(table: ClipTable, folder: Path) -> Iterator[str]:
    yield "<h2>Counts, durations and levels</h2>"
    labels = table.readable.groupby("label")
    summary = pd.DataFrame(
        {
            "Clips": labels.size(),
            "Share, %": (labels.size() / len(table.readable) * 100).round(1),
            "Speakers": labels["speaker"].nunique() if table.corpus.speakers_known else "–",
            "Minutes": (labels["duration"].sum() / 60).round(1),
            "Median, s": labels["duration"].median().round(2),
            "Median level, dB": labels["rms_db"].median().round(1),
        }
    )
    yield _table("Labels", summary.reset_index(names="Label"), "numbers")
    # An attribute with a value of its own for each clip, such as a number, is no group.
    groups = {name: each for name, each in table.counts.items() if 1 < len(each) < len(table.readable)}
    if groups:
        plots.save_counts({name: each.sum(axis=1) for name, each in groups.items()}, folder / "counts.png")
        listed = "; ".join(f"{name}: {_listed(each)}" for name, each in groups.items())
        yield _figure("counts.png", f"Number of clips. {listed}", "Clips by label and by attribute.")
    if same := [
        f"{_name(name)} {_text(str(each.index[0]))}" for name, each in table.counts.items() if len(each) == 1
    ]:
        yield f"<p>All clips: {', '.join(same)}.</p>"
    measured = {
        "duration, s": "duration",
        "level, dB relative to full scale": "rms_db",
        "silent share": "silence",
    }
    known = table.readable.dropna(axis="columns", how="all")
    shown = {title: name for title, name in measured.items() if name in known}
    if shown and len(known):
        by_label = {
            title: known.dropna(subset=name).groupby("label")[name].apply(list).to_dict()
            for title, name in shown.items()
        }
        plots.save_distributions(by_label, folder / "spread.png")
        yield _figure(
            "spread.png",
            f"Histograms of {', '.join(shown)}, and by label",
            "All clips above. By label below: median, quartiles, and 5 to 95 %.",
        )
    yield '<p>Tables: <a href="counts.csv">counts.csv</a>, clips of each label by each attribute; '
    yield '<a href="clips.csv">clips.csv</a>, all measurements of each clip.</p>'


def _problems(table: ClipTable) -> Iterator[str]:
    yield '<h2 id="checks">Problems</h2>'
    if table.readable["peak"].isna().all():
        yield "<p>The audio was not checked.</p>"
    else:
        yield (
            "<p>Every clip was decoded. Listed are clips that cannot be read, are silent, are shorter than 0.5 s, have "
            "the same samples as an earlier clip, or are clipped: more than 0.1 % of the samples at full scale.</p>"
        )
    pairs = zip(table.corpus.clips, table.problems, strict=True)
    found = [(clip.name, clip.label, problem) for clip, problem in pairs if problem]
    if found:
        columns = ["Clip", "Label", "Problem"]
        yield _table("Clips with problems", pd.DataFrame(found[:MOST_LINES], columns=columns, dtype=object))
    if len(found) > MOST_LINES:
        yield f'<p>{len(found) - MOST_LINES:,} more are in <a href="clips.csv">clips.csv</a>.</p>'
    if not found:
        yield "<p>None.</p>"


def _examples(table: ClipTable, folder: Path, seed: int | None) -> Iterator[str]:
    yield "<h2>An example of each label</h2>"
    yield (
        "<p>Of one speaker where one has all labels. Log-mel and MFCC are the network's inputs: "
        "the first 3.0 s, in dB relative to the loudest cell, zero-padded.</p>"
    )
    drawn = [table.example(label, seed) for label in table.labels[:MOST_EXAMPLES]]
    shown = [example for example in drawn if example]
    if not shown:
        yield "<p>No clip can be read.</p>"
        return
    overview = {example.clip.label: example.log_mel for example in shown}
    plots.save_log_mels(overview, folder / "examples.png")
    yield _figure("examples.png", f"Log-mel spectrograms: {', '.join(overview)}", "Log-mel of each example.")
    if len(table.labels) > MOST_EXAMPLES:
        yield f"<p>Only {MOST_EXAMPLES} of {len(table.labels):,} labels are shown.</p>"
    for k, example in enumerate(shown, 1):
        yield from _example(table, example, folder, f"example-{k:02}-{_slug(example.clip.label)}")
    yield from _augmentations(shown[0], folder, seed or 0)


def _example(table: ClipTable, example: Example, folder: Path, name: str) -> Iterator[str]:
    clip, samples, log_mel = example.clip, example.samples, example.log_mel
    yield f"<h3>{_text(clip.label)}</h3>"
    told = [f"speaker {clip.speaker}"] if table.corpus.speakers_known else []
    told += [
        f"{key} {value}" for key, value in clip.attributes.items() if value and not key.startswith("vote_")
    ]
    yield f"<p class=soft>{_text(' · '.join([clip.name, *told]))}</p>"
    columns: dict[str, tuple[Array | None, Array]] = {"as recorded": (samples, log_mel)}
    drawn = "Log-mel and MFCC"
    if samples is not None:
        clean = noisereduce_samples(samples, SAMPLE_RATE)
        columns[REDUCED] = (clean, features.log_mel(samples, "gate"))
        drawn = "Waveform, spectrogram, log-mel and MFCC"
        yield _sounds({"as recorded": samples, "noise reduced": clean}, folder, name)
    elif table.stored and table.stored.denoise != "off":
        columns = {f"after {table.stored.denoise}": (None, log_mel)}
    plots.save_example(columns, folder / f"{name}.png")
    yield _figure(f"{name}.png", f"{drawn} of {clip.name} ({clip.label}): {', '.join(columns)}")


def _augmentations(example: Example, folder: Path, seed: int) -> Iterator[str]:
    yield f"<h2>Augmentations in training</h2><p>The example of {_text(example.clip.label)}; "
    yield "of five draws of each augmentation, the one with the largest effect.</p>"
    if example.samples is not None:
        waves = examples.augmented_waveforms(example.samples, seed)
        log_mels = {name: features.log_mel(wave) for name, wave in waves.items()}
        plots.save_log_mels(log_mels, folder / "augmented-waveforms.png")
        yield "<h3>Waveforms: <code>train --set augment=waveform</code></h3>"
        yield _sounds(waves, folder, "augmented")
        yield _figure("augmented-waveforms.png", f"Log-mel of the example: {', '.join(waves)}")
    drawn = examples.augmented_spectrograms(example.log_mel, example.frames, seed)
    plots.save_log_mels(drawn, folder / "augmented-spectrograms.png")
    yield "<h3>Spectrograms: <code>train</code>, by default</h3>"
    yield _figure(
        "augmented-spectrograms.png",
        f"Log-mel of the example: {'; '.join(drawn)}",
        "Each augmentation alone, then all together as drawn in training, where a crop makes the picture shorter.",
    )


def _sounds(sounds: Mapping[str, Array], folder: Path, name: str) -> str:
    """Write WAV files, and return the list of their players."""
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


def _table(title: str, rows: pd.DataFrame, kind: str = "") -> str:
    """An HTML table that scrolls on its own; `kind` is its class."""
    with pd.option_context("display.max_colwidth", None):
        table = rows.to_html(index=False, border=0, classes=kind, na_rep="–", justify="unset")
    # focusable, so that the keyboard can scroll it in a small window
    return f'<div class=wide role=region aria-label="{title}" tabindex=0>{table}</div>'


def _write_csv(path: Path, rows: Iterable[Sequence[str | float | None]]) -> None:
    lines = iter(rows)
    table = CsvTable(path, [str(column) for column in next(lines)])
    for line in lines:
        table.write(line)
    table.close()


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "label"


def _text(name: str) -> str:
    """Escape a name for HTML, also within quotation marks; `in_utf8` describes bytes that are not UTF-8."""
    return escape(in_utf8(name))


def _name(attribute: str) -> str:
    return _text(attribute.replace("_", " "))


def _listed(counts: pd.DataFrame) -> str:
    if len(counts) > plots.MOST_BARS:
        return f"{len(counts):,} values"
    return ", ".join(f"{value or '–'} {by_label.sum():,}" for value, by_label in counts.iterrows())


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
