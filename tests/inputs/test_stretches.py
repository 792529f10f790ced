"""Stretches of files: their names, and their audio from every list to every table."""

import json
import os
import re
import shutil

import numpy as np
import pandas
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import ser_batch
from ser_batch.audio.decoding.common import DecodeError
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.quality import measure
from ser_batch.audio.windows import load
from ser_batch.corpora.read import read_corpus
from ser_batch.errors import SerBatchError
from ser_batch.inputs.find import find
from ser_batch.inputs.lists import read_manifest
from ser_batch.inputs.sources import Unreadable
from ser_batch.inputs.suffixes import suffix
from ser_batch.inputs.url import redacted
from ser_batch.stretches import Stretch, is_stretch, split, with_file
from tests.running import annotate, rows, tables

TIMES = st.integers(0, 4_000_000_000_000).map(lambda micro: micro / 1e6)


@given(st.text(min_size=1), TIMES, st.none() | TIMES)
def test_a_stretch_is_written_and_read(path, start, end):
    stretch = Stretch(path, start, end)
    assert split(str(stretch)) == stretch
    assert is_stretch(str(stretch))
    assert with_file(str(stretch), "b.wav") == str(Stretch("b.wav", start, end))


@pytest.mark.parametrize("path", ["a.wav", "a.wav#t=1,2", "a#t=00:00:01,00:00:02.wav", "#t=", ""])
def test_other_paths_are_whole_files(path):
    assert split(path) == (path, 0.0, None)
    assert not is_stretch(path)
    assert with_file(path, "b") == "b"


def test_stretches_of_a_file_sort_by_time():
    times = [0.5, 2.0, 10.0, 59.999999, 61.0, 3_600.0, 36_000.0]
    names = [str(Stretch("a.wav", time)) for time in times]
    assert names == sorted(names)
    assert suffix(names[0]) == ".wav"
    signed = str(Stretch("https://h/a.wav?token=t0p", 1.0))
    assert redacted(signed) == str(Stretch("https://h/a.wav", 1.0))


def manifest(folder, text, name="m.csv"):
    (folder / name).write_text(text)
    return [tuple(split(path))[1:] for path in read_manifest(folder / name)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,start,end\na.wav,0.5,1.5\n", (0.5, 1.5)),
        ("file;start;end\na.wav;0,5;1,5\n", (0.5, 1.5)),
        ("file,start,end\na.wav,0 days 00:00:00.500000,0 days 00:01:01.5\n", (0.5, 61.5)),
        ("file,start,end\na.wav,0 days,NaT\n", (0.0, None)),
        ("file,start,end\na.wav,,\n", (0.0, None)),
        ("file,begin,stop\na.wav,01:02.5,1:00:00\n", (62.5, 3600.0)),
        ("path,onset,offset\na.wav,1,2\n", (1.0, 2.0)),
        ("file\tBegin Time - ss.msec\tEnd Time - ss.msec\na.wav\t1.234\t2.5\n", (1.234, 2.5)),
        ('{"audio_filepath": "a.wav", "offset": 0.5, "duration": 1.5}\n', (0.5, 2.0)),
        ('{"audio_filepath": "a.wav", "duration": 1.5}\n', (0.0, None)),
    ],
)
def test_the_times_of_lists(tmp_path, text, expected):
    assert manifest(tmp_path, text) == [expected]


def test_kaldis_segments(tmp_path):
    (tmp_path / "wav.scp").write_text("call1 a.wav\n")
    assert manifest(tmp_path, "utt1 call1 0.5 2\n\nutt2 call1 2 3\n", "segments") == [(0.5, 2.0), (2.0, 3.0)]
    with pytest.raises(SerBatchError, match=r"segments, line 1: not utterance, recording, start and end"):
        manifest(tmp_path, "utt1 call2 0.5 2\n", "segments")


@pytest.mark.parametrize(
    ("times", "complaint"),
    [
        ("2,1", "line 2: from 2 to 1 s: the end must be after the start"),
        ("1,1", "line 2: from 1 to 1 s"),
        ("-1,1", "line 2: from -1 to 1 s"),
        ("x,1", "line 2: x is no time: give seconds"),
        ("1,inf", "line 2: inf is no time"),
    ],
)
def test_times_that_cannot_be(tmp_path, times, complaint):
    with pytest.raises(SerBatchError, match=re.escape(complaint)):
        manifest(tmp_path, f"file,start,end\na.wav,{times}\n")


@pytest.fixture
def ramp(tmp_path):
    """Ten seconds at 8 kHz; the value of each sample is its position."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(80_000, dtype=np.float32) / 100_000, 8_000, subtype="FLOAT")
    return str(path)


def values(path):
    rate, audio = blocks(path)
    return np.rint(np.concatenate(list(audio)) * 100_000).astype(int) if rate else None


@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 1.0), (0.5, 9.99), (2.25, None), (9.0, 10.04), (3.0, 3.00001)]
)
def test_the_samples_of_a_stretch(ramp, start, end):
    found = values(str(Stretch(ramp, start, end)))
    stop = 80_000 if end is None else min(80_000, max(round(end * 8_000), round(start * 8_000) + 1))
    assert found.tolist() == list(range(round(start * 8_000), stop))


def test_a_stretch_outside_its_file_is_an_error(ramp):
    with pytest.raises(
        DecodeError, match=r"from 9\.000 to 10\.100 s lies outside the file \(10\.000 s\): correct"
    ):
        values(str(Stretch(ramp, 9.0, 10.1)))
    with pytest.raises(DecodeError, match=r"from 11\.000 s lies outside"):
        values(str(Stretch(ramp, 11.0)))


def test_other_readers_take_stretches(ramp, tmp_path):
    stretch = str(Stretch(ramp, 1.0, 3.0))
    assert len(load(stretch, 3.0)) == 32_000
    assert measure(stretch).duration == 2.0
    assert measure(stretch).digest != measure(str(Stretch(ramp, 2.0, 4.0))).digest
    found = [item.path for item in find([stretch, stretch, str(Stretch(ramp, 1.0)), ramp])]
    assert found == [stretch, str(Stretch(ramp, 1.0)), ramp]
    (folder,) = find([str(Stretch(str(tmp_path), 1.0))])
    assert isinstance(folder, Unreadable)
    (gone,) = find([str(Stretch(str(tmp_path / "gone.wav"), 1.0))])
    assert gone.message == "no such file or directory"


LIST = "file,start,end\nb.flac,4.5,7.25\nb.flac,0,2\na.wav,0 days 00:00:01,NaT\nb.flac,2,4.5\nb.flac,7,99\nc.wav,0,1\n"


@pytest.fixture
def calls(samples, tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    audio, rate = soundfile.read(samples / "meeting" / "introduction.flac")
    soundfile.write(folder / "b.flac", np.tile(audio, (4, 1)[: audio.ndim])[: 10 * rate], rate)
    shutil.copy(samples / "phone" / "booking.wav", folder / "a.wav")
    (folder / "list.csv").write_text(LIST)
    return folder


def test_stretches_are_annotated_each_for_itself(calls, tmp_path):
    formats = [
        "-f",
        "csv",
        "-f",
        "json",
        "-f",
        "textgrid",
        "-f",
        "elan",
        "-f",
        "audformat",
        "-f",
        "rttm",
        "-f",
        "srt",
    ]
    out = tmp_path / "out"
    done = annotate("--manifest", calls / "list.csv", "-o", out, "-j", "1", *formats)
    assert done.returncode == 3
    files = rows(out / "files.csv")
    times = [(row["file"], float(row["start"]), float(row["end"])) for row in files]
    length = soundfile.info(calls / "a.wav").duration
    assert times == [
        ("a.wav", 1.0, pytest.approx(length, abs=1e-6)),
        ("b.flac", 0.0, 2.0), ("b.flac", 2.0, 4.5), ("b.flac", 4.5, 7.25),
    ]  # fmt: skip
    for row in files:
        assert float(row["duration"]) == pytest.approx(float(row["end"]) - float(row["start"]), abs=1e-3)
    segments = rows(out / "segments.csv")
    assert [(row["file"], float(row["start"]), float(row["end"])) for row in segments if row["file"] == "b.flac"] == [
        ("b.flac", 0.0, 2.0), ("b.flac", 2.0, 4.5), ("b.flac", 4.5, 7.25)
    ]  # fmt: skip
    first = [float(row["start"]) for row in segments if row["file"] == "a.wav"]
    assert first[:2] == [1.0, 2.5]
    failures = rows(out / "failures.csv")
    assert [(row["file"], row["start"], row["end"]) for row in failures] == [
        ("b.flac", "7.000000", "99.000000"),
        ("c.wav", "0.000000", "1.000000"),
    ]
    assert "lies outside the file" in failures[0]["message"]

    # the same as files of their own
    audio, rate = soundfile.read(calls / "b.flac")
    soundfile.write(tmp_path / "cut.flac", audio[2 * rate : round(4.5 * rate)], rate)
    (alone,) = ser_batch.annotate(tmp_path / "cut.flac", level="files").to_dict("records")
    assert alone["p_happy"] == pytest.approx(float(files[2]["p_happy"]), abs=2e-3)

    document = json.loads((out / "annotations.json").read_text())
    assert [(file["file"], file["start"]) for file in document["files"]] == [each[:2] for each in times]
    texts = sorted(os.listdir(out / "textgrid"))[1:]
    assert len(texts) == 4
    grid = (out / "textgrid" / texts[2]).read_text()
    assert "xmin = 2.000000 \n            xmax = 4.500000" in grid
    assert 'xmin = 0.000000 \n            xmax = 2.000000 \n            text = ""' in grid
    assert "00:00:04,500 --> 00:00:07,250" in "".join(
        path.read_text() for path in (out / "srt").glob("*.srt")
    )
    assert "done before" in annotate("--manifest", calls / "list.csv", "-o", out, *formats, "--report").stderr
    before = tables(out)
    again = annotate("--manifest", calls / "list.csv", "-o", tmp_path / "two", "-j", "2", *formats)
    assert again.returncode == 3
    assert tables(tmp_path / "two") == {
        name: content for name, content in before.items() if name != "report.html"
    }
    for part in ("1/2", "2/2"):
        annotate("--manifest", calls / "list.csv", "-o", tmp_path / "parts", "--shard", part)
    ser_batch.merge(tmp_path / "parts")
    for name in ("files.csv", "segments.csv", "failures.csv"):
        assert (tmp_path / "parts" / name).read_bytes() == (out / name).read_bytes()


def test_stretches_as_audformat_reads_them(calls, tmp_path):
    audformat = pytest.importorskip("audformat")
    annotate("--manifest", calls / "list.csv", "-o", tmp_path, "-f", "audformat")
    table = audformat.Database.load(tmp_path / "audformat")["files"].df
    assert table.index.names == ["file", "start", "end"]
    assert ("b.flac", pandas.Timedelta(seconds=2), pandas.Timedelta(seconds=4.5)) in table.index
    table.label.to_csv(calls / "again.csv")
    (calls / "again.csv").write_text((calls / "again.csv").read_text())
    assert len(list(read_manifest(calls / "again.csv"))) == 4


def test_stretches_on_stdout(calls):
    lines = [
        json.loads(line) for line in annotate("--manifest", calls / "list.csv", "-o", "-").stdout.splitlines()
    ]
    files = sorted(
        (line["start"], line["end"])
        for line in lines
        if line["type"] == "file" and line["file"].endswith("b.flac")
    )
    assert files == [(0.0, 2.0), (2.0, 4.5), (4.5, 7.25)]
    (failed,) = [line for line in lines if line["type"] == "failure" and line["file"].endswith("b.flac")]
    assert (failed["start"], failed["end"]) == (7.0, 99.0)


@pytest.mark.slow
def test_stretches_are_the_clips_of_a_corpus(calls, tmp_path):
    path = calls / "corpus.csv"
    lines = [
        f"b.flac,{start},{start + 2},{label},{start}"
        for start, label in ((0, "happy"), (2, "sad"), (4, "sad"))
    ]
    path.write_text("\n".join(["file,start,end,emotion,room", *lines, lines[0], "a.wav,1,3,happy,"]))
    corpus = read_corpus(path)
    assert [(clip.label, clip.attributes) for clip in corpus.clips] == [
        ("happy", {"room": ""}), ("happy", {"room": "0"}), ("sad", {"room": "2"}), ("sad", {"room": "4"})
    ]  # fmt: skip
    assert [reason for _, reason in corpus.skipped] == ["listed twice"]
    assert [clip.speaker for clip in corpus.clips] == ["a", "b", "b", "b"]  # a file is not divided
    assert not corpus.speakers_known
    path.write_text(path.read_text().replace("b.flac,0,2,happy,0\na.wav", "b.flac,0,2,sad,0\na.wav"))
    with pytest.raises(SerBatchError, match=r"line 5: b.flac is labelled sad, but happy above"):
        read_corpus(path)
    path.write_text(path.read_text().replace("b.flac,0,2,sad,0\n", ""))
    table = ser_batch.features(path)
    assert len(table) == 4
    assert not np.array_equal(table.levels[1], table.levels[2])
    assert set(table.frames) == {126}
    page = ser_batch.explore(path, tmp_path / "page", jobs=1)
    assert [float(row["duration"]) for row in rows(page.parent / "clips.csv")] == [2.0] * 4
    evaluation = ser_batch.evaluate(path)
    assert len(evaluation.names) == 4
