"""The worker: failed reads, files that change, limits."""

import os
import shutil
import subprocess
import time

import numpy as np
import pytest
import soundfile

from ser_batch.engine import pool, worker
from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source
from tests.pooling import annotate, outcomes


@pytest.fixture
def undisturbed(settings, samples):
    """The annotation of `introduction.flac`, which `faulty` makes its files of."""
    ((_, outcome),) = annotate([Source(str(samples / "meeting" / "introduction.flac"), 0, 0)], settings)
    return outcome.record()


def outcome_of(source, settings):
    ((_, outcome),) = annotate([source], settings, jobs=1)
    return outcome


def test_a_read_that_fails_once_is_repeated(settings, faulty, undisturbed):
    assert outcome_of(faulty("flaky-1.flac"), settings).record() == undisturbed


def test_a_read_that_always_fails_is_a_failure_after_pauses(settings, faulty):
    began = time.monotonic()
    assert outcome_of(faulty("stale-1.flac"), settings) == Failure("decode", "OSError", "Stale file handle")
    assert time.monotonic() - began > 2.5


def test_damaged_files_fail_without_pauses(settings, tmp_path):
    bad = [tmp_path / f"{k}.wav" for k in range(8)]
    for path in bad:
        path.write_text("dear diary")
    times = []
    for _, outcome in pool.annotate(
        [Source(str(path), 10, 0) for path in bad], settings, 1, 60.0, lambda: False
    ):
        times.append(time.monotonic())
        assert outcome.error == "DecodeError"
    assert times[-1] - times[0] < 2


def test_a_file_that_grows_while_it_is_read_fails(settings, faulty):
    failure = outcome_of(faulty("growing-1.flac"), settings)
    assert (failure.stage, failure.error) == ("decode", "ChangedError")
    assert "run the same command again when it is complete" in failure.message


def test_a_file_that_has_grown_is_read_again(settings, faulty):
    grown = faulty("grown-1.wav", "diary/pause.wav")
    size = os.path.getsize(grown.path)
    assert isinstance(outcome_of(grown, settings), Annotation)
    assert os.path.getsize(grown.path) > size


def test_a_file_that_is_deleted_while_it_is_read_fails(settings, faulty):
    expected = Failure("decode", "FileNotFoundError", "No such file or directory")
    assert outcome_of(faulty("vanishing-1.flac"), settings) == expected


def test_a_file_with_too_many_windows_fails(settings, samples, monkeypatch):
    monkeypatch.setattr(worker, "MAX_WINDOWS", 3)
    annotator = worker.Worker(settings)
    assert len(annotator.annotate(str(samples / "meeting" / "introduction.flac")).starts) == 3
    failure = annotator.annotate(str(samples / "phone" / "voicemail.mp3"))
    assert (failure.stage, failure.error) == ("decode", "TooLongError")
    assert "more than 3 windows: split the file" in failure.message


FAIL_ONE_READ = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t read(int file, void *to, size_t n) {
    static ssize_t (*real)(int, void *, size_t);
    static int count;
    char link[32], path[4096];
    if (!real) real = dlsym(RTLD_NEXT, "read");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    if (strstr(path, getenv("FAIL_PATH")) && ++count == atoi(getenv("FAIL_READ"))) {
        errno = EIO;
        return -1;
    }
    return real(file, to, n);
}
"""


@pytest.fixture(scope="module")
def failing_read(tmp_path_factory):
    """A library to be preloaded, by which the nth read of some path fails, once."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler, to have a single read of a real file fail")
    folder = tmp_path_factory.mktemp("preload")
    (folder / "fail.c").write_text(FAIL_ONE_READ)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "fail.so", "fail.c", "-ldl"], cwd=folder, check=True)
    return folder / "fail.so"


@pytest.mark.slow
def test_a_failed_system_call_is_repeated_in_every_format(settings, samples, failing_read, monkeypatch):
    names = ["meeting/QUESTION.WAV", "meeting/introduction.flac", "phone/voicemail.mp3", "radio/weather.ogg"]
    names += ["diary/evening.aiff", "radio/story.opus"]
    sources = [Source(str(samples / name), 0, 0) for name in names]
    sound = outcomes(annotate(sources, settings))
    monkeypatch.setenv("LD_PRELOAD", str(failing_read))
    for source in sources:
        monkeypatch.setenv("FAIL_PATH", os.path.basename(source.path))
        for read in (1, 2, 3, 5, 8, 13):
            monkeypatch.setenv("FAIL_READ", str(read))
            outcome = outcome_of(source, settings)
            assert isinstance(outcome, Annotation), (source.path, read, outcome)
            assert outcome.record() == sound[source.path].record(), (source.path, read)


def test_a_file_with_an_inverted_channel_is_counted(tmp_path, samples, settings):
    """Its mean is silence; one channel is annotated, as if it were alone."""
    voice, rate = soundfile.read(samples / "phone" / "booking.wav")
    soundfile.write(tmp_path / "mono.wav", voice, rate)
    soundfile.write(tmp_path / "stereo.wav", np.stack([voice, -voice], axis=1), rate)
    loaded = worker.Worker(settings)
    mono, stereo = (loaded.annotate(str(tmp_path / name)) for name in ("mono.wav", "stereo.wav"))
    assert (mono.channels_cancel, stereo.channels_cancel) == (False, True)
    assert stereo.record() == {**mono.record(), "channels_cancel": True}
    assert Annotation.from_record(stereo.record()).channels_cancel
