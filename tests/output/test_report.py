"""Data of the report, and its command. Its page is tested in test_report_page.py."""

import base64
import io
import json
import os
import re

import pytest
import soundfile
from click.testing import CliRunner

import ser_batch
from ser_batch.cli import main
from ser_batch.errors import SerBatchError
from ser_batch.output.report import gather
from ser_batch.output.report.page import write_report
from tests.made_up import SIX, many, write_tables

SURE, DOUBTFUL = [0.9, 0.1], [0.4, 0.6]
TWO = ("no", "yes")


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)[1])


def test_what_the_page_gets(tmp_path):
    files = [
        ("a.wav", [(0, 3, SURE), (1.5, 4.5, DOUBTFUL)]),
        ("b/c.wav", [(0, 2, None)]),
    ]
    folder = write_tables(tmp_path / "out", files, TWO, [("d.m4a", "decode", "NoDecoder", "install av")])
    data = data_of(write_report(folder))
    assert data["kinds"] == ["no", "yes", "silent"]
    assert data["totals"] == {"files": [1, 0, 1], "seconds": [2.2, 2.2, 2.0], "segments": 3, "failed": 1}
    assert data["files"] == [["a.wav", 4500, 0, 5000, 9000, 1000], ["b/c.wav", 2000, 2, 0, 0, 0]]
    assert data["segments"] == [[0, 3000, 0, 90, 10, 1500, 4500, 1, 40, 60], [0, 2000, 2, 0, 0]]
    assert data["failures"] == [["d.m4a", "decode", "NoDecoder", "install av"]]


def test_speech_is_in_the_page(tmp_path):
    files = [("a.wav", [(0, 3, SURE)]), ("b.wav", [(0, 3, SURE)])]
    folder = write_tables(tmp_path, files, TWO)
    assert gather.gather(folder, folder)["speech"] == [[], []]  # a folder of an earlier version
    (folder / "speech.csv").write_text("file,start,end\na.wav,0.128000,0.500000\na.wav,1.000000,3.000000\n")
    assert gather.gather(folder, folder)["speech"] == [[128, 500, 1000, 3000], []]


def test_a_label_below_the_confidence_asked_for(tmp_path):
    folder = write_tables(tmp_path, [("a.wav", [(0, 3, DOUBTFUL)])], TWO)
    for name in ("files.csv", "segments.csv"):
        table = folder / name
        table.write_text(table.read_text().replace(",yes,0.6", ",,0.6").replace(",ok", ",uncertain"))
    data = gather.gather(folder, folder)
    assert data["kinds"] == ["no", "yes", "uncertain"]
    assert data["files"] == [["a.wav", 3000, 2, 5000, 4000, 6000]]


def test_of_many_files_the_least_certain_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(gather, "FILES", 30)
    monkeypatch.setattr(gather, "OTHERS", 2)
    monkeypatch.setattr(gather, "SEGMENTS", 100)
    everything = list(many(400))
    failures = [(f"bad {k}.wav", "decode", "Broken", "") for k in range(3)]
    data = gather.gather(write_tables(tmp_path, everything, failures=failures), tmp_path)
    confidence = {name: max(segments[0][2]) for name, segments in everything if segments[0][2]}
    names = [file[0] for file in data["files"]]
    assert names == sorted(names)
    labelled = [name for name in names if name in confidence]
    assert set(labelled) == set(sorted(confidence, key=confidence.get)[:30])
    assert len(names) == 32
    assert sum(data["totals"]["files"]) == 400
    assert data["totals"]["segments"] == sum(len(segments) for _, segments in everything)
    assert data["totals"]["failed"] == 3
    assert len(data["failures"]) == 2
    timed = [name for name, segments in zip(names, data["segments"], strict=True) if segments]
    assert 0 < sum(map(len, data["segments"])) <= 100 * (3 + len(SIX))
    assert set(timed) == set(sorted(labelled, key=confidence.get)[: len(timed)])


def test_no_name_gets_out_of_the_data(tmp_path):
    names = [
        "x</script><script>alert(1)</script>.wav",
        "<!--<script>.wav",
        "\"&'.wav",
        "{{script}}.wav",
        "\u2028.wav",
    ]
    folder = write_tables(tmp_path / "<b>&amp;", [(name, [(0, 1, SURE)]) for name in names], TWO)
    page = write_report(folder)
    text = page.read_text(encoding="utf-8")
    assert [file[0] for file in data_of(page)["files"]] == names
    assert text.count("<script") == text.count("</script") == 2
    assert "<title>&lt;b&gt;&amp;amp; " in text


@pytest.mark.parametrize(
    ("root", "link"),
    [
        ("recordings", "../recordings"),
        ("a b#c?d:e&f%41", "../a%20b%23c%3Fd%3Ae%26f%2541"),
        (os.fsdecode(b"caf\xe9"), "../caf%E9"),
        ("out", "."),
    ],
)
def test_the_recordings_are_found_from_the_page(tmp_path, root, link):
    folder = write_tables(tmp_path / "out", [("a.wav", [(0, 1, SURE)])], TWO, root=str(tmp_path / root))
    assert data_of(write_report(folder))["root"] == link
    other = tmp_path / "elsewhere" / "page.html"
    other.parent.mkdir()
    assert data_of(ser_batch.report(folder, other))["root"] == ("../out" if link == "." else link)


@pytest.mark.parametrize("root", [None, "s3://bucket/folder"])
def test_recordings_that_a_browser_cannot_reach(tmp_path, root):
    folder = write_tables(tmp_path, [("a.wav", [(0, 1, SURE)])], TWO, root=root)
    assert gather.gather(folder, folder)["root"] is None


def test_what_is_said_of_a_folder_without_tables(tmp_path):
    with pytest.raises(SerBatchError, match=r"there is no run\.json in it: .*-f csv"):
        write_report(tmp_path)
    (write_tables(tmp_path, many(2)) / "segments.csv").unlink()
    with pytest.raises(SerBatchError, match=r"no segments\.csv in "):
        write_report(tmp_path)
    (tmp_path / "segments.csv").write_text("file;start;end\na.wav;0;3\n")
    with pytest.raises(SerBatchError, match="its tables are damaged"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_cannot_be_written(tmp_path):
    with pytest.raises(SerBatchError, match="choose another file with -o"):
        write_report(write_tables(tmp_path, many(2)), tmp_path / "no folder" / "page.html")


def test_the_command(tmp_path):
    folder = write_tables(tmp_path / "out", many(3))
    done = CliRunner().invoke(main, ["report", str(folder), "-o", str(tmp_path / "page.html")])
    assert done.exit_code == 0
    assert done.output == f"{tmp_path / 'page.html'}\n"
    assert len(data_of(tmp_path / "page.html")["files"]) == 3
    assert CliRunner().invoke(main, ["report", str(tmp_path / "nothing")]).exit_code == 2


def test_annotate_asks_for_the_tables_that_the_report_is_made_from(tmp_path):
    done = CliRunner().invoke(
        main, ["annotate", str(tmp_path), "--report", "-f", "json", "-o", str(tmp_path)]
    )
    assert done.exit_code == 2
    assert "--report needs the CSV tables" in done.output


def test_no_files_at_all(tmp_path):
    data = data_of(write_report(write_tables(tmp_path, [])))
    assert data["files"] == []
    assert data["totals"]["files"] == [0] * len(SIX)


def test_the_audio_of_the_least_certain_files(samples, tmp_path):
    shares = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]
    names = ["phone/booking.wav", "gone.wav", "diary/pause.wav"]
    files = [(name, [(0.0, 3.0, each)]) for name, each in zip(names, shares, strict=True)]
    write_tables(tmp_path, files, ("calm", "angry"), root="/where/they/were")
    done = CliRunner().invoke(main, ["report", str(tmp_path), "--embed", "2", "--audio", str(samples)])
    assert done.exit_code == 0
    assert f"Warning: {samples}/gone.wav: cannot be embedded (No such file or directory)" in done.output
    data = data_of(tmp_path / "report.html")
    assert list(data["sounds"]) == ["diary/pause.wav"]
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(data["sounds"]["diary/pause.wav"])))
    assert rate == 16_000
    assert abs(len(sound) / rate - soundfile.info(samples / "diary" / "pause.wav").duration) < 0.1


def test_no_audio_to_embed(tmp_path):
    write_tables(tmp_path, many(3), root="/where/they/were")
    with pytest.raises(SerBatchError, match=r"cannot be embedded .*: name the folder of the recordings"):
        ser_batch.report(tmp_path, embed=2)
