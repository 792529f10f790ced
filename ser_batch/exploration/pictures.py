"""The pictures of a corpus, as PNG files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features
from ser_batch.audio.front_end import FLOOR_DB, HOP, N_MELS, SAMPLE_RATE, WINDOW_SECONDS

Array = NDArray[np.float32]
Grid = Mapping[str, Array]

DPI = 100
BLUE = "#0072b2"  # of Okabe and Ito's palette
LEVELS, SIGNED = "magma", "PuOr_r"  # even steps and two signs with any colour vision
MOST_BARS = 30
HISTOGRAM = 9  # its height in bars
KILOHERTZ = (0, 0.5, 1, 2, 4, 8)


def save_counts(counts: Mapping[str, Mapping[str, Counter[str]]], path: Path) -> None:
    """Bars of the clips by each attribute; of more than 30 values a histogram: of numbers, or of the values' counts."""
    columns = min(3, len(counts))
    rows = -(-len(counts) // columns)
    sizes = [len(values) if len(values) <= MOST_BARS else HISTOGRAM for values in counts.values()]
    bars = [max(3, *sizes[k : k + columns]) for k in range(0, len(sizes), columns)]
    heights = [0.6 + 0.19 * count for count in bars]
    figure, grid = _subplots(rows, columns, (10, sum(heights)), height_ratios=heights)
    for k, (axes, (name, values)) in enumerate(zip(grid.flat, counts.items(), strict=False)):
        totals = [by_label.total() for by_label in values.values()]
        axes.set_title(name.replace("_", " "), fontsize=10)
        if len(values) > MOST_BARS and name != "speaker" and all(map(str.isdecimal, values)):
            axes.hist([int(value) for value in values], weights=totals, bins=20, color=BLUE)
            axes.set_ylabel("clips", fontsize=8)
        elif len(values) > MOST_BARS:
            axes.hist(totals, bins=20, color=BLUE)
            axes.set_xlabel(f"clips of each of {len(values):,}", fontsize=8)
        else:
            # by place, since different values may be drawn alike
            drawn = axes.barh(range(len(values)), totals, color=BLUE, height=0.7)
            axes.bar_label(drawn, [f" {total:,}" for total in totals], fontsize=8)
            axes.set_yticks(range(len(values)), [_plain(value) for value in values])
            axes.set_xticks([])
            axes.set(xlim=(0, max(totals) * 1.25), ylim=(bars[k // columns] - 0.4, -0.6))
            axes.spines[["left", "bottom"]].set_visible(False)
    for axes in list(grid.flat)[len(counts) :]:
        axes.set_axis_off()
    _save(figure, path)


def save_spread(figures: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> None:
    """Each figure (`duration, s` …) as a histogram; by label the median, the middle half, and 5 to 95 %.

    Of more than 30 labels, the first are shown.
    """
    height = 0.6 + 0.22 * min(MOST_BARS, max(map(len, figures.values())))
    size = (1 + 3.2 * len(figures), 2 + height)
    figure, grid = _subplots(2, len(figures), size, height_ratios=[2, height], sharex="col")
    for (top, bottom), (name, by_label) in zip(grid.T, figures.items(), strict=True):
        top.hist([value for values in by_label.values() for value in values], bins=40, color=BLUE)
        top.set_ylabel("clips", fontsize=8)
        labels = list(by_label)[:MOST_BARS]
        places = range(len(labels))
        of_labels = [np.percentile(by_label[label], (5, 25, 50, 75, 95)) for label in labels]
        least, low, median, high, most = np.transpose(of_labels)
        bottom.hlines(places, least, most, color=BLUE, linewidth=1)
        bottom.hlines(places, low, high, color=BLUE, linewidth=6)
        bottom.plot(median, places, "o", color="white", markeredgecolor="black", markersize=5)
        bottom.set_yticks(places, [_plain(label) for label in labels])
        bottom.set_ylim(len(labels) - 0.5, -0.5)
        bottom.set_xlabel(name, fontsize=9)
    _save(figure, path)


def save_example(columns: Mapping[str, tuple[Array | None, Array]], path: Path) -> None:
    """A clip, in a column as it is and in one after noise reduction: waveform, spectrogram, log-mel, MFCC.

    Args:
        columns: title to audio, float32 `[n]` or None, and log-mel, `[188, 128]` in dB.
        path: of the picture.
    """
    has_audio = all(samples is not None for samples, _ in columns.values())
    rows = 4 if has_audio else 2
    figure, grid = _subplots(rows, len(columns), (5 * len(columns), 1.8 * rows), sharex=True, sharey="row")
    coefficients = {title: features.rotate(bands) for title, (_, bands) in columns.items()}
    most = max(float(np.percentile(np.abs(each[:, 1:]), 99.5)) for each in coefficients.values()) or 1.0
    for axes, (title, (samples, bands)) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(title, fontsize=10)
        if samples is not None:
            _draw_wave(axes[0], samples)
            power = features.power_spectrogram(samples)
            level = 10 * np.log10(np.maximum(power / max(power.max(), 1e-30), 10 ** (FLOOR_DB / 10)))
            spectrum = _draw(axes[1], level, 8)
        mel = _draw_mel(axes[-2], bands)
        mfcc = _draw(axes[-1], coefficients[title], N_MELS, SIGNED, (-most, most))
        axes[-1].set_xlabel("s")
    named = {"waveform": None, "spectrogram, kHz": None, "log-mel, kHz": mel, "MFCC": mfcc}
    if has_audio:
        named["spectrogram, kHz"] = spectrum
    for line, (name, image) in zip(grid, list(named.items())[-rows:], strict=True):
        line[0].set_ylabel(name)
        if image:
            figure.colorbar(image, ax=list(line), pad=0.01, aspect=12, label="" if name == "MFCC" else "dB")
    _save(figure, path)


def save_waveforms(changes: Grid, path: Path) -> None:
    """A row for each: its waveform, and its log-mel."""
    figure, grid = _subplots(len(changes), 2, (10, 1.45 * len(changes)), sharex=True, sharey="col")
    for (left, right), (name, samples) in zip(grid, changes.items(), strict=True):
        _draw_wave(left, samples)
        left.set_ylabel(name)
        _draw_mel(right, features.log_mel(samples))
    for axes in grid[-1]:
        axes.set_xlabel("s")
    _save(figure, path)


def save_log_mels(spectrograms: Grid, path: Path) -> None:
    """Log-mel spectrograms beside each other, three in a row, on one scale."""
    rows = -(-len(spectrograms) // 3)
    figure, grid = _subplots(rows, 3, (10, 0.4 + 1.7 * rows), sharex=True, sharey=True)
    for axes, (name, bands) in zip(grid.flat, spectrograms.items(), strict=False):
        image = _draw_mel(axes, bands)
        axes.set_title(_plain(name), fontsize=9)
    for axes in list(grid.flat)[len(spectrograms) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=grid, pad=0.01, aspect=30, label="dB")
    figure.supxlabel("s", fontsize=9)
    figure.supylabel("kHz", fontsize=9)
    _save(figure, path)


def _draw_wave(axes: Any, samples: Array) -> None:
    axes.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, color=BLUE, linewidth=0.4, rasterized=True)
    axes.set_xlim(0, WINDOW_SECONDS)


def _draw_mel(axes: Any, bands: Array) -> Any:
    image = _draw(axes, bands, N_MELS)
    centres = features.mel_edges(N_MELS)[1:-1]
    places = np.interp(np.array(KILOHERTZ) * 1000, centres, np.arange(N_MELS) + 0.5)
    axes.set_yticks(places, [f"{each:g}" for each in KILOHERTZ])
    return image


def _draw(
    axes: Any,
    cells: Array,
    top: float,
    colours: str = LEVELS,
    limits: tuple[float, float] = (FLOOR_DB, 0),
) -> Any:
    """Frames × rows as a picture from 0 to `top`, over time; frames that a crop took away stay blank."""
    axes.set_facecolor("#dddddd")
    seconds = len(cells) * HOP / SAMPLE_RATE
    image = axes.imshow(
        cells.T,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, top),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
    )
    axes.set_xlim(0, WINDOW_SECONDS)
    return image


def _plain(text: str) -> str:
    """A name as matplotlib draws it: short, and with no formula in it."""
    return (text if len(text) <= 24 else text[:23] + "…").replace("$", r"\$") or "–"


def _subplots(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, NDArray[Any]]:
    # a figure made without pyplot needs no display and touches no global state
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in grid.flat:
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=DPI)
