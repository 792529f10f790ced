"""The benchmarks run; their speed is not tested."""

import json
import subprocess
import sys

import pytest

from benchmarks import shared
from benchmarks.__main__ import PAGE
from tests.running import ROOT


def benchmark(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept(name):
    return json.loads((shared.OUT / "quick" / f"{name}.json").read_text())


def test_the_page_has_a_place_for_each():
    page = shared.PAGE.read_text()
    for name in PAGE:
        assert f"<!-- benchmarks: {name} -->" in page or f"pictures/{name}.svg" in page


def test_a_fragment_takes_the_place_of_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(shared, "OUT", tmp_path)
    shared.PAGE.write_text(
        "a <!-- benchmarks: x --> old <!-- end --> b <!-- benchmarks: y --> y <!-- end -->"
    )
    chosen = shared.arguments("").parse_args(["--write"])
    shared.publish("x", [r"new \1"], {}, chosen)
    shared.publish("y", ["no"], {}, shared.arguments("").parse_args(["--write", "--quick"]))
    assert shared.PAGE.read_text() == (
        "a <!-- benchmarks: x -->\n\nnew \\1\n\n<!-- end --> b <!-- benchmarks: y --> y <!-- end -->"
    )


def test_clips_are_linked_as_often_as_asked(tmp_path):
    files, about = shared.clips(None, tmp_path / "clips")
    many = shared.linked(files, tmp_path / "many", 70)
    assert f"{len(files)} files of 3.7 s (16 kHz WAV)" in about
    assert len(list(many.rglob("*.wav"))) == 70


@pytest.mark.slow
def test_stages_and_startup():
    assert "**in all**" in benchmark("stages", "--quick")
    assert min(kept("stages")["ms"].values()) > 0
    assert "`ser-batch --help`" in benchmark("startup", "--quick")
    assert all(len(rounds) == 2 for rounds in kept("startup").values())


@pytest.mark.slow
def test_neighbours():
    shown = benchmark("neighbours", "--quick", "--tools", "ser-batch, denoise on", "librosa: MFCCs alone")
    assert "start-up left out" not in shown and "**One core**" in shown
    *_, times = kept("neighbours").values()
    assert [len(rounds) for rounds in times["1"].values()] == [2, 2]


@pytest.mark.slow
def test_growth():
    benchmark("growth", "--quick")
    for kind, sizes in (("files", 1), ("hours", 2)):
        for by_size in kept("growth")[kind].values():
            assert len(by_size) == sizes
            for (run,) in by_size.values():
                assert 0 < run["first"] <= run["seconds"] and run["worker"] > 20 and run["parent"] > 20


@pytest.mark.slow
def test_train():
    assert "waiting for batches" in benchmark("train", "--quick")
    epoch, *_ = kept("train").values()
    assert epoch[0] > 0
