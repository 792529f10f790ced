"""Unusual and damaged inputs: one run of the command, and the result of each file (docs/inputs.md)."""

import csv
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.media import write_media

RATE = 16_000
ANNOTATE = [sys.executable, "-m", "ser_batch", "annotate"]


def annotate(*arguments, **options):
    return subprocess.run([*ANNOTATE, *arguments], capture_output=True, timeout=300, **options)


def rows(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}


def name_in_file_system(cell):
    """The recipe of docs/inputs.md."""
    return re.sub(rb"\\udc(5c|[89a-f][0-9a-f])", lambda m: bytes.fromhex(m[1].decode()), cell.encode())


@pytest.fixture(scope="module")
def voice(samples):
    loud, rate = soundfile.read(
        samples / "radio" / "story.opus", dtype="float32", start=48_000, frames=96_000
    )
    return np.ascontiguousarray(loud[:: rate // RATE])


def write(path, samples, rate=RATE, **options):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    soundfile.write(os.fsencode(path), samples, rate, **{"format": "WAV", **options})


def edit(path, at, replacement):
    data = bytearray(Path(path).read_bytes())
    data[at : at + len(replacement)] = replacement
    Path(path).write_bytes(data)


def loud_spot(samples, value):
    spoilt = samples.astype(np.float64)
    spoilt[5_000] = value
    return spoilt


# written as 2 s of a voice under each name, whose cell in the CSV is given if it is another
NAMES = {
    "UPPER CASE.WAV": None, "with space.wav": None, "new\nline.wav": None, "carriage\rreturn.wav": None,
    'quote",comma.wav': None, "semi;=1+1.wav": None, "tab\t=1+1.wav": None, "ünïcödé 音.wav": None,
    "=cmd()|'!A0.wav": "./=cmd()|'!A0.wav", "+1.wav": "./+1.wav", "-1.wav": "./-1.wav",
    "@SUM(1).wav": "./@SUM(1).wav", "\t=1.wav": "./\t=1.wav", "\r=1.wav": "./\r=1.wav", "＝1.wav": "./＝1.wav",
    "=folder/a.wav": "./=folder/a.wav", "folder/=a.wav": None, "<script>.wav": None, "$(reboot).wav": None,
    "caf\udce9.wav": "caf\\udce9.wav", "caf\\udce9.wav": "caf\\udc5cudce9.wav", "\\.wav": None,
    "a/same.wav": None, "b/same.wav": None, "dir.wav/inside.wav": None,
    "n" * 251 + ".wav": None, "d" * 200 + "/" + "e" * 200 + "/" + "f" * 200 + "/deep.wav": None,
}  # fmt: skip

# status in files.csv, or what failures.csv says
OUTCOMES = {
    "subtype PCM_U8.wav": "ok", "subtype PCM_24.wav": "ok", "subtype FLOAT.wav": "ok", "subtype DOUBLE.wav": "ok",
    "six channels.wav": "ok", "8 kHz.wav": "ok", "192 kHz.wav": "ok", "10 ms.wav": "ok",
    "clipped.wav": "ok",
    "float in 16-bit units.wav": "ok", "a thousand channels.wav": "ok",
    "silence.wav": "silent", "constant.wav": "silent", "one sample.wav": "silent", "barely.wav": "silent",
    "no samples.wav": "no audio samples", "empty.wav": "0 bytes", "text.wav": "not audio", "text.au": "not audio",
    "web page.mp3": "not audio", "noise.mp3": "not audio", "truncated.wav": "truncated: 1.00 s decoded",
    "truncated.flac": "of 2.00 s", "truncated.ogg": "truncated",
    "nan.wav": "not finite", "infinity.wav": "not finite", "1e300.wav": "not finite", "1e30.wav": "not finite",
    "claims 2^31 Hz.wav": "damaged, or not audio", "claims 5 Hz.wav": "5 Hz, outside",
    "claims 65535 channels.wav": "Too many channels", "claims 2^40 frames.w64": "truncated: 2.00 s decoded",
    "claims 2^36 frames.flac": "truncated: 2.00 s decoded",
    "pipe.wav": "a FIFO", "socket.wav": "a FIFO, a socket", "device.wav": "or a device",
    "dangling.wav": "does not exist", "loop.wav": "symbolic links",
}  # fmt: skip


def write_outcomes(folder, voice, monkeypatch):
    noise = np.random.default_rng(0)
    for subtype in ("PCM_U8", "PCM_24", "FLOAT", "DOUBLE"):
        write(folder / f"subtype {subtype}.wav", voice, subtype=subtype)
    write(folder / "six channels.wav", np.stack([voice] * 6, axis=1))
    write(folder / "8 kHz.wav", voice, 8_000)
    write(folder / "192 kHz.wav", voice, 192_000)
    write(folder / "10 ms.wav", noise.normal(0, 0.1, 160))
    write(folder / "clipped.wav", np.clip(voice * 1_000, -1, 1))
    write(folder / "float in 16-bit units.wav", voice * 32_768, subtype="FLOAT")
    write(folder / "a thousand channels.wav", noise.normal(0, 0.1, (500, 1_000)))
    write(folder / "silence.wav", np.zeros(RATE))
    write(folder / "constant.wav", np.full(RATE, 0.3))
    write(folder / "one sample.wav", voice[:1], 192_000)
    write(folder / "barely.wav", voice * 1e-30, subtype="FLOAT")
    write(folder / "no samples.wav", voice[:0])
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("dear diary")
    (folder / "text.au").write_text("dear diary" * 1_000)
    (folder / "web page.mp3").write_text("<html>404 not found</html>" * 100)
    (folder / "noise.mp3").write_bytes(noise.bytes(50_000))
    for name, container in [("truncated.wav", "WAV"), ("truncated.flac", "FLAC"), ("truncated.ogg", "OGG")]:
        write(folder / name, voice, format=container)
        os.truncate(folder / name, (folder / name).stat().st_size // 2 + 22)
    write(folder / "nan.wav", loud_spot(voice, np.nan), subtype="FLOAT")
    write(folder / "infinity.wav", loud_spot(voice, np.inf), subtype="FLOAT")
    write(folder / "1e300.wav", loud_spot(voice, 1e300), subtype="DOUBLE")
    write(folder / "1e30.wav", loud_spot(voice, 1e30), subtype="FLOAT")
    for name, at, field in [
        ("claims 2^31 Hz.wav", 24, struct.pack("<I", 2**31)),
        ("claims 5 Hz.wav", 24, struct.pack("<I", 5)),
        ("claims 65535 channels.wav", 22, b"\xff\xff"),
    ]:
        write(folder / name, voice)
        edit(folder / name, at, field)
    write(folder / "claims 2^40 frames.w64", voice, format="W64")
    at = (folder / "claims 2^40 frames.w64").read_bytes().find(b"data\xf3")
    edit(folder / "claims 2^40 frames.w64", at + 16, struct.pack("<Q", 2**41))
    write(folder / "claims 2^36 frames.flac", voice, format="FLAC")
    edit(folder / "claims 2^36 frames.flac", 22, b"\xff\xff\xff\xff")
    os.mkfifo(folder / "pipe.wav")
    monkeypatch.chdir(folder)  # the path of a socket is at most 108 bytes long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.wav")
    (folder / "device.wav").symlink_to("/dev/zero")
    (folder / "dangling.wav").symlink_to("nowhere")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "a" / "up").symlink_to("..")


@pytest.fixture(scope="module")
def annotated(tmp_path_factory, voice):
    """The tables of a run over all of them."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in NAMES:
        write(folder / "in" / name, voice)
    with pytest.MonkeyPatch.context() as monkeypatch:
        write_outcomes(folder / "in", voice, monkeypatch)
    done = annotate(folder / "in", "--no-voice", "-o", folder / "out")  # whatever the detector says of them
    assert done.returncode == 3, done.stderr
    return folder


def test_every_input_ends_in_exactly_one_table(annotated):
    files, failures = rows(annotated / "out" / "files.csv"), rows(annotated / "out" / "failures.csv")
    assert not files.keys() & failures.keys()
    inputs = {
        os.fsencode(os.path.join(place, name))
        for place, _, names in os.walk(annotated / "in")
        for name in names
    }
    found = {
        os.path.normpath(os.fsencode(annotated / "in") + b"/" + name_in_file_system(cell))
        for cell in files.keys() | failures.keys()
    }
    assert found == inputs


@pytest.mark.parametrize("name", NAMES)
def test_any_name(annotated, name):
    row = rows(annotated / "out" / "files.csv")[NAMES[name] or name]
    assert (row["duration"], row["status"]) == ("2.000000", "ok")


@pytest.mark.parametrize("name", OUTCOMES)
def test_any_content(annotated, name):
    expected = OUTCOMES[name]
    if expected in ("ok", "silent"):
        row = rows(annotated / "out" / "files.csv")[name]
        assert row["status"] == expected
        assert (row["label"] == "") == (expected != "ok")
    else:
        row = rows(annotated / "out" / "failures.csv")[name]
        assert expected in row["message"]
        assert row["stage"] in ("find", "decode")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_begins_a_formula_whatever_the_separator(annotated, separator):
    for table in ("files.csv", "segments.csv", "failures.csv"):
        with open(annotated / "out" / table, newline="", encoding="utf-8") as lines:
            cells = {cell for line in csv.reader(lines, delimiter=separator) for cell in line}
        assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r＝"))]


def test_a_name_that_is_not_utf8_may_be_an_argument_or_listed(tmp_path, voice):
    name = os.fsdecode(b"caf\xe9.wav")
    write(tmp_path / name, voice)
    assert annotate(os.fsencode(tmp_path / name), "-o", tmp_path / "a").returncode == 0
    assert annotate("-", "-o", tmp_path / "b", input=os.fsencode(tmp_path / name)).returncode == 0
    (tmp_path / "list.csv").write_bytes(b"file\ncaf\xe9.wav\n")
    assert annotate("--manifest", tmp_path / "list.csv", "-o", tmp_path / "c").returncode == 0
    for out in "abc":
        assert list(rows(tmp_path / out / "files.csv")) == ["caf\\udce9.wav"]


@pytest.mark.parametrize("how", ["list", "manifest", "jsonl"])
def test_a_list_that_is_binary_is_refused(tmp_path, samples, how):
    audio = (samples / "radio" / "weather.ogg").read_bytes() + bytes(10)
    (tmp_path / "x.jsonl").write_bytes(audio)
    arguments = ["-"] if how == "list" else ["--manifest", tmp_path / "x.jsonl"]
    if how == "manifest":
        arguments[1] = (tmp_path / "x.jsonl").rename(tmp_path / "x.csv")
    done = annotate(*arguments, "-o", tmp_path / "out", input=audio)
    assert done.returncode == 1
    assert b"binary data" in done.stderr or b"not valid" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_file_that_vanishes_during_the_run(tmp_path, voice):
    """It was there when the folder was searched."""
    for k in range(30):
        write(tmp_path / "in" / f"{k:02}.wav", np.tile(voice, 5))
    gone = tmp_path / "in" / "29.wav"
    running = subprocess.Popen(
        [*ANNOTATE, tmp_path / "in", "-o", tmp_path / "out", "-j", "1"], stderr=subprocess.PIPE
    )
    journal = tmp_path / "out" / ".journal" / "run.journal"
    while not (journal.exists() and journal.stat().st_size > 1_000):
        assert running.poll() is None
        time.sleep(0.01)
    gone.unlink()
    running.communicate(timeout=120)
    assert running.returncode == 3
    (failure,) = rows(tmp_path / "out" / "failures.csv").values()
    assert failure["file"] == "29.wav"
    assert failure["message"] == "No such file or directory"
    assert len(rows(tmp_path / "out" / "files.csv")) == 29


def test_a_file_that_grows_is_not_annotated_in_part(tmp_path, voice):
    """As a recorder writes it: the audio goes on, and the header is completed at the end."""
    write(tmp_path / "whole.wav", np.tile(voice, 30))
    whole = (tmp_path / "whole.wav").read_bytes()
    growing = tmp_path / "in" / "growing.wav"
    growing.parent.mkdir()
    growing.write_bytes(whole[:100_000])
    stop = threading.Event()

    def record():
        with growing.open("ab", buffering=0) as file:
            for start in range(100_000, len(whole) - 200_000, 100):
                file.write(whole[start : start + 100])
                if stop.wait(0.01):
                    return

    recorder = threading.Thread(target=record)
    recorder.start()
    done = annotate(tmp_path / "in", "-o", tmp_path / "out")
    stop.set()
    recorder.join()
    assert done.returncode == 1
    (failure,) = rows(tmp_path / "out" / "failures.csv").values()
    assert re.search("changed|truncated", failure["message"])

    growing.write_bytes(whole)
    assert annotate(tmp_path / "in", "-o", tmp_path / "out").returncode == 0
    (row,) = rows(tmp_path / "out" / "files.csv").values()
    assert row["duration"] == "60.000000"


def test_m4a_with_the_extra_and_without_it(tmp_path, voice):
    pytest.importorskip("av", reason="needs PyAV: pip install 'ser-batch[av]'")
    (tmp_path / "in").mkdir()
    write_media(tmp_path / "in" / "a.m4a", "aac", voice[None], RATE)
    write(tmp_path / "in" / "b.wav", voice)
    (tmp_path / "no" / "av").mkdir(parents=True)
    (tmp_path / "no" / "av" / "__init__.py").write_text("raise ImportError")
    without = annotate(
        tmp_path / "in", "-o", tmp_path / "out", env={**os.environ, "PYTHONPATH": str(tmp_path / "no")}
    )
    assert without.returncode == 3, without.stderr
    (failure,) = rows(tmp_path / "out" / "failures.csv").values()
    assert failure["file"] == "a.m4a"
    assert "pip install 'ser-batch[av]'" in failure["message"]

    shutil.rmtree(tmp_path / "no")
    assert annotate(tmp_path / "in", "-o", tmp_path / "out", "--retry-failed").returncode == 0
    assert float(rows(tmp_path / "out" / "files.csv")["a.m4a"]["duration"]) == pytest.approx(2.0, abs=0.07)
