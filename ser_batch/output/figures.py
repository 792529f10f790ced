"""Matplotlib figures: without a display, and with labels in any script."""

from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

PLACEHOLDERS = "Last Resort"  # a font of boxes for every character


def subplots(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Any, NDArray[Any]]:
    """Return a figure of a size in inches, and its axes, `[rows, columns]`."""
    # A figure made without pyplot needs no display and changes no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def save(figure: Any, path: Path, dpi: int) -> None:
    """Write a figure as PNG.

    Characters that the default font lacks are drawn in a font of the machine that has them all, or else romanised.
    """
    from matplotlib.text import Text

    axes_of = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    tick_labels = [label for axis in axes_of for label in axis.get_ticklabels()]
    texts = [*figure.findobj(Text), *tick_labels]
    missing = frozenset("".join(text.get_text() for text in texts)) - _characters()
    if missing and (font := _font_with(missing)):
        for text in texts:
            text.set_fontfamily([*text.get_fontfamily(), font])
    elif missing:
        for text in texts:
            text.set_text(_romanised(text.get_text()))
        for axis in axes_of:
            names = [label.get_text() for label in axis.get_ticklabels()]
            if missing.intersection("".join(names)):
                axis.set_ticks(axis.get_ticklocs(), list(map(_romanised, names)))
    figure.savefig(path, dpi=dpi)


@cache
def _characters() -> frozenset[str]:
    """The characters of the default font."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    return frozenset(map(chr, font.get_charmap())) | {"\n"}


@cache
def _font_with(characters: frozenset[str]) -> str | None:
    """Return a font of this machine that has all of some characters."""
    from matplotlib import font_manager

    for entry in font_manager.fontManager.ttflist:
        if entry.name.startswith(PLACEHOLDERS):
            continue
        try:
            known = font_manager.get_font(entry.fname).get_charmap()
        except (OSError, RuntimeError):  # a format that matplotlib cannot read
            continue
        if all(ord(character) in known for character in characters):
            return str(entry.name)
    return None


def _romanised(text: str) -> str:
    from anyascii import anyascii

    return "".join(letter if letter in _characters() else anyascii(letter) for letter in text)
