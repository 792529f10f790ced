"""Exploration of a corpus: tables, page, pictures and sounds."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile

import ser_batch
from ser_batch.errors import SerBatchError
from tests.running import rows
from tests.running import ser_batch as run

VOIDS = {"meta", "link", "img"}


class Page(HTMLParser):
    """What a page links to, its pictures' texts, and its elements that are not closed."""

    def __init__(self, path):
        super().__init__()
        self.links, self.alts, self.open, self.text = [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        for link in self.links:
            assert (path.parent / link).is_file(), link

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        assert not any(name.startswith("on") for name in values)
        if tag == "img":
            self.alts.append(values["alt"])
        target = values.get("src") or values.get("href") or "#"
        if not target.startswith(("#", "data:")):
            self.links.append(target)
        if tag not in VOIDS:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def corpus(samples, tmp_path):
    """A folder per emotion, of our own voices, with some clips that are broken."""
    folder = tmp_path / "corpus"
    for emotion, source in (("happy", "meeting/introduction.flac"), ("sad", "phone/booking.wav")):
        (folder / emotion).mkdir(parents=True)
        audio, rate = soundfile.read(samples / source)
        for k, speaker in enumerate(("anna", "ben")):
            soundfile.write(folder / emotion / f"{speaker}_1.wav", audio[k * 1_000 : 3 * rate], rate)
    voice, rate = soundfile.read(folder / "sad" / "anna_1.wav")
    soundfile.write(folder / "sad" / "ben_loud.wav", np.clip(40 * voice, -1, 1), rate)
    soundfile.write(folder / "sad" / "ben_none.wav", np.zeros(rate), rate)
    soundfile.write(folder / "sad" / "ben_tiny.wav", voice[5_000:5_010], rate)
    (folder / "sad" / "ben_word.wav").write_text("dear diary")
    shutil.copy(folder / "happy" / "anna_1.wav", folder / "sad" / "anna_copy.wav")
    (folder / "trailer.wav").write_text("no label")
    return folder


def troubles(folder):
    return {Path(row["file"]).stem: row["trouble"] for row in rows(folder / "clips.csv") if row["trouble"]}


@pytest.mark.slow
def test_a_corpus(corpus, tmp_path):
    out = tmp_path / "out"
    done = run("explore", corpus, "-o", out, "-j", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out / 'index.html'}\n"
    said = troubles(out)
    assert said.pop("ben_word").startswith("cannot be read: not audio")
    assert re.fullmatch(r"clipped: \d\d\.\d% of the samples", said.pop("ben_loud"))
    assert said == {
        "ben_none": "silent",
        "ben_tiny": "short: 0.00 s; silent",
        "anna_copy": "the same audio as happy/anna_1, which is labelled happy",
    }
    assert [row["file"] for row in rows(out / "left-out.csv")] == [str(corpus / "trailer.wav")]
    counts = {(row["attribute"], row["value"]): row for row in rows(out / "counts.csv")}
    assert counts["label", "sad"] | {"happy": "0", "sad": "6", "clips": "6"} == counts["label", "sad"]
    assert counts["speaker", "ben"] | {"happy": "1", "sad": "4"} == counts["speaker", "ben"]

    page = Page(out / "index.html")
    assert page.open == []
    assert "8 clips · 2 labels · 2 speakers" in page.text
    assert "5 clips have problems" in page.text
    assert "1 file was left out" in page.text
    assert "happy/anna_1 · speaker anna" in page.text
    assert "sad/anna_1 · speaker anna" in page.text
    assert {path.name for path in out.iterdir()} == {*page.links, "index.html"}
    assert all(page.alts)
    for path in out.glob("*.png"):
        height, width, _ = matplotlib.image.imread(path).shape
        assert 400 <= width <= 1600
        assert 100 <= height <= 1600
    heard = {path.name: soundfile.read(path) for path in out.glob("*.wav")}
    assert len(heard) == 2 * 2 + 6
    original, _ = heard["augmented-original.wav"]
    assert all(rate == 16_000 and 0 < len(audio) <= 48_000 for audio, rate in heard.values())
    others = [
        audio for name, (audio, _) in heard.items() if re.search("cleaned|noise|stretch|shift|pitch", name)
    ]
    assert len(others) == 7
    assert not any(np.array_equal(audio, original) for audio in others)


def test_a_stored_table_has_pictures_but_no_sound(corpus, tmp_path):
    ser_batch.features(corpus, tmp_path / "table.npz", denoise="gate")
    page = Page(ser_batch.explore(tmp_path / "table.npz", tmp_path / "out"))
    assert "there is no audio to check" in page.text
    assert any("after gate" in alt for alt in page.alts)
    assert {Path(link).suffix for link in page.links} == {".png", ".csv"}
    assert [row["duration"] for row in rows(tmp_path / "out" / "clips.csv")][:2] == ["3.000000", "2.944000"]


@pytest.mark.slow
def test_labels_names_and_headers_alone(corpus, tmp_path):
    hostile = "<img src=x onerror='harm()'>$x_1$\udcff"
    (corpus / "list.csv").write_text(
        f'file,label,speaker,"{hostile[:-1]}"\n'
        f'happy/anna_1.wav,joy,=1+1,"</style>\'"\nhappy/ben_1.wav,joy,b,\nsad/anna_1.wav,{hostile[:-1]},b,x\n'
        "sad/ben_tiny.wav,tired,b,\nsad/ben_word.wav,tired,b,\n"
    )
    out = tmp_path / "out"
    page = Page(ser_batch.explore(corpus / "list.csv", out, labels={"joy": "fine"}, check=False, seed=3))
    assert "3 labels" in page.text
    assert "<img src=x" in page.text  # shown, not run
    assert "The audio was not checked" in page.text
    found = rows(out / "clips.csv")
    assert {row["label"] for row in found} == {"fine", "<img_src=x_onerror='harm()'>$x_1$", "tired"}
    assert found[0]["speaker"] == "'=1+1"
    assert found[0]["duration"] == "3.000000"
    assert found[0]["rms_db"] == ""


def test_a_seed_draws_and_repeats(corpus):
    from ser_batch.audio.quality import measure
    from ser_batch.corpora.read import read_corpus
    from ser_batch.exploration.clip_table import ClipTable

    found = read_corpus(corpus)
    table = ClipTable(found, [measure(clip.path) for clip in found.clips])
    names = {
        seed: [found.clips[row].name for row in table.candidates("sad", seed)] for seed in (None, 0, 1, 2, 3)
    }
    assert names[None] == [found.clips[row].name for row in table.candidates("sad", None)]
    assert names[None][:2] == ["sad/anna_1", "sad/ben_1"]
    assert all(
        set(first[:2]) == {"sad/anna_1", "sad/ben_1"} for first in names.values()
    )  # the broken come last
    assert len({first[0] for first in names.values()}) == 2


def test_a_corpus_of_broken_files_alone(tmp_path):
    for emotion in ("happy", "sad"):
        (tmp_path / "corpus" / emotion).mkdir(parents=True)
        (tmp_path / "corpus" / emotion / "a.wav").write_text("dear diary")
    for check in (True, False):
        page = Page(ser_batch.explore(tmp_path / "corpus", tmp_path / "out", check=check, jobs=1))
        assert "No clip can be read" in page.text


def test_what_cannot_be_done_is_said(corpus, tmp_path):
    with pytest.raises(SerBatchError, match="leaves out all clips"):
        ser_batch.explore(corpus, tmp_path / "out", labels={"happy": "", "sad": ""})
    (tmp_path / "file").touch()
    with pytest.raises(SerBatchError, match="choose another folder with -o"):
        ser_batch.explore(corpus, tmp_path / "file" / "out", check=False)


@pytest.mark.slow
def test_ravdess(corpora, tmp_path):
    page = Page(ser_batch.explore(corpora / "ravdess", tmp_path))
    assert "RAVDESS" in page.text
    assert "level (strong: no neutral)" in page.text
    assert sum(link.endswith(".wav") for link in page.links) == 8 * 2 + 6
    counts = {(row["attribute"], row["value"]): row["clips"] for row in rows(tmp_path / "counts.csv")}
    assert counts["sex", "female"] == counts["sex", "male"]
    assert troubles(tmp_path) == {}
