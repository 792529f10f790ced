"""Plots of a corpus, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ser_batch.audio import features
from ser_batch.audio.front_end import FLOOR_DB, HOP, N_MELS, SAMPLE_RATE, WINDOW_SECONDS
from ser_batch.output import figures

Array = NDArray[np.float32]
Grid = Mapping[str, Array]

DPI = 100
BLUE = "#0072b2"  # of Okabe and Ito's palette
LEVELS, SIGNED = "magma", "PuOr_r"  # readable with any colour vision
MOST_BARS = 30
HISTOGRAM = 9  # height of a histogram, in bars
KILOHERTZ = (0, 0.5, 1, 2, 4, 8)


def save_counts(counts: Mapping[str, "pd.Series[int]"], path: Path) -> None:
    """Draw the number of clips by each attribute: bars, or a histogram of the numbers for more than 30 values."""
    columns = min(3, len(counts))
    rows = -(-len(counts) // columns)
    sizes = [len(values) if len(values) <= MOST_BARS else HISTOGRAM for values in counts.values()]
    bars = [max(3, *sizes[k : k + columns]) for k in range(0, len(sizes), columns)]
    heights = [0.6 + 0.19 * count for count in bars]
    figure, grid = _subplots(rows, columns, (10, sum(heights)), height_ratios=heights)
    for k, (axes, (name, clips)) in enumerate(zip(_used(grid, len(counts)), counts.items(), strict=True)):
        axes.set_title(name.replace("_", " "), fontsize=10)
        if len(clips) > MOST_BARS:
            axes.hist(clips, bins=20, color=BLUE)
            axes.set_xlabel(f"clips of each of {len(clips):,}", fontsize=8)
            continue
        # by position, since different values may look alike
        drawn = axes.barh(range(len(clips)), clips, color=BLUE, height=0.7)
        axes.bar_label(drawn, [f" {each:,}" for each in clips], fontsize=8)
        axes.set_yticks(range(len(clips)), [_plain(value) for value in clips.index])
        axes.set_xticks([])
        axes.set(xlim=(0, clips.max() * 1.25), ylim=(bars[k // columns] - 0.4, -0.6))
        axes.spines[["left", "bottom"]].set_visible(False)
    figures.save(figure, path, DPI)


def save_distributions(measured: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> None:
    """Draw each measurement (`duration, s` …) as a histogram, and a box plot of each label (whiskers: 5 and 95 %)."""
    height = 0.6 + 0.22 * min(MOST_BARS, max(map(len, measured.values())))
    size = (1 + 3.2 * len(measured), 2 + height)
    figure, grid = _subplots(2, len(measured), size, height_ratios=[2, height], sharex="col")
    for (top, bottom), (name, by_label) in zip(grid.T, measured.items(), strict=True):
        top.hist([value for values in by_label.values() for value in values], bins=40, color=BLUE)
        top.set_ylabel("clips", fontsize=8)
        labels = list(by_label)[:MOST_BARS]
        boxes = [by_label[label] for label in labels]
        bottom.boxplot(boxes, orientation="horizontal", whis=(5, 95), showfliers=False)
        bottom.set_yticks(range(1, len(labels) + 1), [_plain(label) for label in labels])
        bottom.invert_yaxis()
        bottom.set_xlabel(name, fontsize=9)
    figures.save(figure, path, DPI)


def save_example(columns: Mapping[str, tuple[Array | None, Array]], path: Path) -> None:
    """Draw waveform, spectrogram, log-mel and MFCC of versions of a clip, a column each.

    Args:
        columns: from title to audio, float32 `[n]` or None, and log-mel, `[188, 128]` in dB.
        path: the PNG file.
    """
    has_audio = all(samples is not None for samples, _ in columns.values())
    rows = 4 if has_audio else 2
    figure, grid = _subplots(rows, len(columns), (5 * len(columns), 1.8 * rows), sharex=True, sharey="row")
    coefficients = {title: features.rotate(bands) for title, (_, bands) in columns.items()}
    most = max(float(np.percentile(np.abs(each[:, 1:]), 99.5)) for each in coefficients.values()) or 1.0
    for axes, (title, (samples, bands)) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(title, fontsize=10)
        if samples is not None:
            seconds = np.arange(len(samples)) / SAMPLE_RATE
            axes[0].plot(seconds, samples, color=BLUE, linewidth=0.4, rasterized=True)
            power = features.power_spectrogram(samples)
            level = 10 * np.log10(np.maximum(power / max(power.max(), 1e-30), 10 ** (FLOOR_DB / 10)))
            spectrum = _draw(axes[1], level, 8)
        mel = _draw_mel(axes[-2], bands)
        mfcc = _draw(axes[-1], coefficients[title], N_MELS, SIGNED, -most, most)
        axes[-1].set_xlabel("s")
    named = {"waveform": None, "spectrogram, kHz": None, "log-mel, kHz": mel, "MFCC": mfcc}
    if has_audio:
        named["spectrogram, kHz"] = spectrum
    for line, (name, image) in zip(grid, list(named.items())[-rows:], strict=True):
        line[0].set_ylabel(name)
        if image:
            figure.colorbar(image, ax=list(line), pad=0.01, aspect=12, label="" if name == "MFCC" else "dB")
    figures.save(figure, path, DPI)


def save_log_mels(spectrograms: Grid, path: Path) -> None:
    """Draw log-mel spectrograms on one scale, three in a row."""
    rows = -(-len(spectrograms) // 3)
    figure, grid = _subplots(rows, 3, (10, 0.4 + 1.7 * rows), sharex=True, sharey=True)
    for axes, (name, bands) in zip(_used(grid, len(spectrograms)), spectrograms.items(), strict=True):
        image = _draw_mel(axes, bands)
        axes.set_title(_plain(name), fontsize=9)
    figure.colorbar(image, ax=grid, pad=0.01, aspect=30, label="dB")
    figure.supxlabel("s", fontsize=9)
    figure.supylabel("kHz", fontsize=9)
    figures.save(figure, path, DPI)


def _draw_mel(axes: Any, bands: Array) -> Any:
    image = _draw(axes, bands, N_MELS)
    centres = features.mel_edges(N_MELS)[1:-1]
    places = np.interp(np.array(KILOHERTZ) * 1000, centres, np.arange(N_MELS) + 0.5)
    axes.set_yticks(places, [f"{each:g}" for each in KILOHERTZ])
    return image


def _draw(
    axes: Any, cells: Array, top: float, colours: str = LEVELS, lowest: float = FLOOR_DB, highest: float = 0
) -> Any:
    """Draw `[frames, rows]` over time, from 0 to `top`; frames that a crop took away stay grey."""
    axes.set_facecolor("#dddddd")
    extent = (0, len(cells) * HOP / SAMPLE_RATE, 0, top)
    image = axes.imshow(
        cells.T, colours, aspect="auto", vmin=lowest, vmax=highest, origin="lower", extent=extent
    )
    axes.set_xlim(0, WINDOW_SECONDS)
    return image


def _plain(text: str) -> str:
    """Shorten a name for matplotlib, and escape `$`, which begins a formula."""
    return (text if len(text) <= 24 else text[:23] + "…").replace("$", r"\$") or "–"


def _subplots(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, NDArray[Any]]:
    figure, grid = figures.subplots(rows, columns, size, **options)
    for axes in grid.flat:
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid


def _used(grid: NDArray[Any], count: int) -> list[Any]:
    """Return the first axes of a grid, and hide the others."""
    for axes in grid.flat[count:]:
        axes.set_axis_off()
    return list(grid.flat[:count])
