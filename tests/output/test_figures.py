"""Labels in pictures: in any script, without boxes and without warnings."""

import warnings

import numpy as np
import pytest

import ser_batch
from ser_batch.evaluation import plots
from ser_batch.output import figures

font_manager = pytest.importorskip("matplotlib.font_manager")


def drawn(labels, path):
    """The tick labels and fonts of a picture; any warning is an error."""
    figure, [(axes,)] = figures.subplots(1, 1, (3, 2))
    axes.barh(range(len(labels)), [1] * len(labels), label=labels[0])
    axes.set_yticks(range(len(labels)), labels, rotation=30)
    axes.set_title(labels[0])
    axes.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.save(figure, path, 50)
    ticks = axes.get_yticklabels()
    assert [tick.get_rotation() for tick in ticks] == [30] * len(labels)
    shown = [axes.title, *axes.get_legend().get_texts(), *ticks]
    return [text.get_text() for text in shown], {family for text in shown for family in text.get_fontfamily()}


def test_labels_that_the_default_font_has_stay(tmp_path):
    texts, families = drawn(["angry", "wütend", "Злость", "{x$_1"], tmp_path / "a.png")
    assert texts == ["angry", "angry", "angry", "wütend", "Злость", "{x$_1"]
    assert len(families) == 1


def test_a_font_that_has_the_characters_is_taken(tmp_path):
    """STIX comes with matplotlib, and has letters that the default font lacks."""
    [font, *_] = [entry for entry in font_manager.fontManager.ttflist if entry.name == "STIXNonUnicode"]
    letter = max({*map(chr, font_manager.get_font(font.fname).get_charmap())} - figures._characters())
    texts, families = drawn(["angry", f"x{letter}"], tmp_path / "a.png")
    assert texts[-1] == f"x{letter}"
    assert len(families) == 2


def test_without_such_a_font_labels_are_romanised(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "_font_with", lambda characters: None)
    texts, _ = drawn(["快乐 (happy)", "悲伤", "angry", "怒り"], tmp_path / "a.png")
    assert texts == ["KuaiLe (happy)", "KuaiLe (happy)", "KuaiLe (happy)", "BeiShang", "angry", "Nuri"]


def test_explore_and_evaluation_draw_chinese_silently(samples, tmp_path, recwarn):
    (tmp_path / "list.csv").write_text(
        f"file,label,speaker\n{samples}/diary/pause.wav,快乐,张\n{samples}/phone/booking.wav,悲伤,李\n"
        f"{samples}/phone/voicemail.mp3,快乐,李\n",
        encoding="utf-8",
    )
    ser_batch.explore(tmp_path / "list.csv", tmp_path / "page", jobs=1)
    plots.save_confusion(np.array([[3, 1], [0, 2]]), ["快乐", "悲伤"], tmp_path / "confusion.png")
    assert [str(warning.message) for warning in recwarn if "lyph" in str(warning.message)] == []
