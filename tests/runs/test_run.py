"""Whole runs: resuming, settings, memory."""

import json
import os
import shutil
import subprocess

import pytest
import soundfile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import ser_batch
from ser_batch.audio.decoding import sndfile
from ser_batch.engine.worker import Worker
from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import load_bundle, sha256_of
from ser_batch.runs import journal
from tests.running import FAULTS, SER_BATCH, many_files, peak, pretend_done, rows, tables, watched


@pytest.fixture
def audio(samples, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(samples / "meeting", folder)
    return folder


def spoil(folder):
    """Make the audio unreadable behind the back of size and time: a second inference would fail."""
    for path in folder.iterdir():
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_another_format_needs_no_second_inference(audio, tmp_path):
    ser_batch.annotate_to(audio, tmp_path / "out")
    before = tables(tmp_path / "out")
    spoil(audio)
    summary = ser_batch.annotate_to(audio, tmp_path / "out", formats=["csv", "json"])
    assert (summary.exit_code, summary.resumed, summary.files) == (0, 3, 3)
    assert tables(tmp_path / "out") == before
    document = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [file["file"] for file in document["files"]] == [
        r["file"] for r in rows(tmp_path / "out" / "files.csv")
    ]


def test_absolute_names_need_no_second_inference(audio, tmp_path):
    ser_batch.annotate_to(audio, tmp_path / "out")
    names = [row["file"] for row in rows(tmp_path / "out" / "files.csv")]
    spoil(audio)
    assert ser_batch.annotate_to(audio, tmp_path / "out", absolute=True).files == 3
    assert [r["file"] for r in rows(tmp_path / "out" / "files.csv")] == [str(audio / name) for name in names]


def test_equal_names_in_another_folder_are_refused(audio, tmp_path):
    ser_batch.annotate_to(audio, tmp_path / "out")
    shutil.copytree(audio, tmp_path / "others")  # the same names, sizes and times
    with pytest.raises(SerBatchError, match=r"the folder of the recordings was .*in, is now .*others"):
        ser_batch.annotate_to(tmp_path / "others", tmp_path / "out")
    audio.rename(tmp_path / "moved")
    audio.symlink_to("moved")
    assert ser_batch.annotate_to(tmp_path / "moved", tmp_path / "out").resumed == 3


@pytest.mark.parametrize("how", ["any_root", "root"])
def test_an_archive_that_moved_is_not_annotated_again(audio, tmp_path, how):
    ser_batch.annotate_to(audio, tmp_path / "out")
    before = tables(tmp_path / "out")
    spoil(audio)
    moved = shutil.move(audio, tmp_path / "mnt" / "elsewhere")
    out = shutil.move(tmp_path / "out", tmp_path / "mnt" / "results")
    with pytest.raises(SerBatchError, match="give --any-root if these are the same recordings"):
        ser_batch.annotate_to(moved, out)
    again = {"any_root": {"any_root": True}, "root": {"root": str(moved)}}[how]
    summary = ser_batch.annotate_to(moved, out, **again)
    assert (summary.resumed, summary.files, summary.root) == (3, 3, str(moved))
    assert tables(out) == before
    os.utime(moved / "QUESTION.WAV", (0, 0))
    assert ser_batch.annotate_to(moved, out, **again).resumed == 2


def test_another_model_is_refused(audio, tmp_path):
    ser_batch.annotate_to(audio, tmp_path / "out")
    changed = shutil.copytree(load_bundle("crema-d").path, tmp_path / "crema-d")
    network = (changed / "model.tflite").read_bytes()
    (changed / "model.tflite").write_bytes(network + b"\0")
    card = json.loads((changed / "card.json").read_text())
    before, card["sha256"] = card["sha256"], sha256_of(changed / "model.tflite")
    (changed / "card.json").write_text(json.dumps(card))
    with pytest.raises(SerBatchError, match=rf"SHA-256\) was {before}, is now {card['sha256']}.*--restart"):
        ser_batch.annotate_to(audio, tmp_path / "out", model=str(changed))
    assert ser_batch.annotate_to(audio, tmp_path / "out", model=str(changed), restart=True).resumed == 0


def test_results_are_synced_during_a_long_file(samples, tmp_path, monkeypatch):
    for name in ("0.flac", "slow-1.flac"):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(samples / "meeting" / "introduction.flac", tmp_path / "in" / name)
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_size), fsync(handle)))
    monkeypatch.setattr(journal, "SYNC_SECONDS", 0.1)
    monkeypatch.setenv("PYTHONPATH", FAULTS["PYTHONPATH"])
    ser_batch.annotate_to(tmp_path / "in", tmp_path / "out", jobs=1)
    lines = (tmp_path / "out" / ".journal" / "run.journal").read_bytes().splitlines(keepends=True)
    assert len(b"".join(lines[:2])) in synced


def test_retry_failed_annotates_only_failed_files(audio, tmp_path):
    (audio / "bad.wav").write_text("dear diary")
    assert ser_batch.annotate_to(audio, tmp_path / "out").exit_code == 3
    assert ser_batch.annotate_to(audio, tmp_path / "out").resumed == 4
    assert ser_batch.annotate_to(audio, tmp_path / "out", retry_failed=True).resumed == 3


@pytest.mark.slow
def test_a_journal_without_its_tail_resumes_to_the_same_tables(audio, tmp_path):
    out = tmp_path / "out"
    (audio / "bad.wav").write_text("dear diary")
    ser_batch.annotate_to(audio, out)
    whole, path = tables(out), out / ".journal" / "run.journal"
    content = path.read_bytes()

    @hypothesis_settings(max_examples=20, deadline=None)
    @given(st.integers(0, len(content)), st.binary(max_size=50))
    def resume(cut, garbage):
        for name in whole:
            (out / name).unlink(missing_ok=True)
        path.write_bytes(content[:cut] + (garbage if cut > content.index(b"\n") else b""))
        ser_batch.annotate_to(audio, out, jobs=1)
        assert tables(out) == whole

    resume()


@pytest.mark.parametrize("values", [1_000, 16_385])
def test_labels_do_not_depend_on_how_a_file_is_cut_into_blocks(settings, samples, monkeypatch, values):
    worker = Worker(settings)
    for name in ("meeting/two seats.flac", "radio/announcement.mp3", "diary/evening.aiff"):
        expected = worker.annotate(str(samples / name)).record()
        monkeypatch.setattr(sndfile, "BLOCK_VALUES", values)
        assert worker.annotate(str(samples / name)).record() == expected
        monkeypatch.undo()


def run_watched(*arguments):
    running = subprocess.Popen([*SER_BATCH, "annotate", "-q", *map(str, arguments)])
    samples = watched(running)
    assert running.returncode == 0
    return samples


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(samples, tmp_path):
    for k in range(3_000):
        name = ("QUESTION.WAV", "two seats.flac")[k % 2]
        (tmp_path / "in" / f"{k // 500}").mkdir(parents=True, exist_ok=True)
        shutil.copy(samples / "meeting" / name, tmp_path / "in" / f"{k // 500}" / f"{k} {name}")
    samples = run_watched(tmp_path / "in", "-o", tmp_path / "out")
    at_work = samples[len(samples) // 5 :]
    half = len(at_work) // 2
    for column in ("parent", "worker"):
        assert peak(at_work[half:], column) < peak(at_work[:half], column) + 5


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_file(samples, tmp_path):
    speech, rate = soundfile.read(samples / "phone" / "booking.wav", dtype="int16")
    peaks = []
    for minutes in (10, 120):  # a shorter run ends before its largest memory is seen
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
            while file.frames < minutes * 60 * rate:
                file.write(speech)
        peaks.append(run_watched(path, "-o", tmp_path / f"out {minutes}"))
    short, long = peaks
    for column in ("parent's peak", "worker's peak"):
        assert peak(long, column) < peak(short, column) + 20  # of the 100 MB for 10 hours


@pytest.mark.slow
def test_a_hundred_thousand_files_take_the_parent_little_memory(tmp_path):
    many_files(tmp_path / "in", 100_000)
    pretend_done(tmp_path / "in", tmp_path / "out")
    samples = run_watched(tmp_path / "in", "-o", tmp_path / "out")
    assert len(rows(tmp_path / "out" / "files.csv")) == 100_000
    assert peak(samples, "parent's peak") < 90  # of the 500 MB for a million
