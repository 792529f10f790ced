import multiprocessing
import os
import signal
import threading
import time

import pytest

from ser_batch.corpus.find import Source
from ser_batch.engine import pool
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import load_bundle


@pytest.fixture(scope="module")
def settings():
    return Settings(str(load_bundle("crema-d").path), 3.0, 1.5, "gate")


@pytest.fixture
def clips(samples):
    paths = sorted(
        str(path) for path in samples.rglob("*") if path.suffix.lower() in {".wav", ".flac", ".ogg"}
    )
    return [Source(path, os.path.getsize(path), 0) for path in paths]


@pytest.fixture
def trap(tmp_path):
    """A file that nobody can finish reading: a FIFO that is never written to."""
    os.mkfifo(tmp_path / "trap.wav")
    return Source(str(tmp_path / "trap.wav"), 0, 0)


def annotate(sources, settings, jobs=2, timeout=60.0, stopped=lambda: False):
    return list(pool.annotate(sources, settings, jobs, timeout, stopped))


def outcomes(results):
    return {source.path: outcome for source, outcome in results}


def test_every_file_comes_out_once(clips, settings):
    results = annotate(clips * 3, settings)
    assert sorted(source.path for source, _ in results) == sorted(clip.path for clip in clips * 3)
    assert all(isinstance(outcome, Annotation) for _, outcome in results)


def test_jobs_do_not_change_results(clips, settings):
    one, two = outcomes(annotate(clips, settings, 1)), outcomes(annotate(clips, settings, 2))
    assert {path: a.record() for path, a in one.items()} == {path: a.record() for path, a in two.items()}


def test_a_file_that_fails_costs_itself_alone(clips, settings, tmp_path):
    (tmp_path / "bad.wav").write_text("dear diary")
    bad, gone = Source(str(tmp_path / "bad.wav"), 10, 0), Source(str(tmp_path / "gone.wav"), 10, 0)
    found = outcomes(annotate([clips[0], bad, clips[1], gone, clips[2]], settings))
    assert found[bad.path].stage == "decode"
    assert "not audio" in found[bad.path].message
    assert found[gone.path] == Failure("decode", "FileNotFoundError", "No such file or directory")
    assert all(isinstance(found[clip.path], Annotation) for clip in clips[:3])


def test_a_file_that_hangs_is_given_up_and_its_neighbours_are_done(clips, settings, trap):
    found = outcomes(annotate([clips[0], trap, *clips[1:]], settings, timeout=1.0))
    assert (found.pop(trap.path)).error == "Timeout"
    assert len(found) == len(clips)
    assert all(isinstance(outcome, Annotation) for outcome in found.values())


def test_a_file_that_kills_its_worker_is_tried_again_alone_then_failed(clips, settings, trap):
    killed = []

    def kill_the_worker_at_the_trap():
        while len(killed) < 2:
            try:
                os.close(os.open(trap.path, os.O_WRONLY | os.O_NONBLOCK))  # refused while nobody reads
            except OSError:
                time.sleep(0.01)
                continue
            (worker,) = multiprocessing.active_children()
            os.kill(worker.pid, signal.SIGKILL)
            killed.append(worker.pid)
            time.sleep(0.5)  # for the pool to notice, before the next one is looked for

    threading.Thread(target=kill_the_worker_at_the_trap, daemon=True).start()
    found = outcomes(annotate([trap, *clips], settings, jobs=1, timeout=50.0))
    assert len(set(killed)) == 2
    failure = found.pop(trap.path)
    assert (failure.stage, failure.error) == ("worker", "Crash")
    assert "SIGKILL" in failure.message
    assert all(isinstance(outcome, Annotation) for outcome in found.values())


def test_no_more_files_are_given_out_once_stopped(clips, settings):
    many = clips * 40
    seen = []
    stop = threading.Event()
    for source, _ in pool.annotate(many, settings, 2, 60.0, stop.is_set):
        seen.append(source)
        stop.set()
    assert 0 < len(seen) < len(many) / 2


def test_a_broken_model_is_said_once(clips, tmp_path):
    with pytest.raises(SerBatchError, match="workers cannot start"):
        annotate(clips, Settings(str(tmp_path), 3.0, 1.5, "off"))


def test_no_process_is_left(clips, settings):
    annotate(clips, settings)
    assert not multiprocessing.active_children()
    results = pool.annotate(clips * 10, settings, 2, 60.0, lambda: False)
    next(results)
    results.close()
    assert not multiprocessing.active_children()


def test_chunks_hold_few_files_and_few_bytes():
    sources = [Source(str(k), size, 0) for k, size in enumerate([1_000] * 40 + [9_000_000] * 3)]
    chunks = list(pool._chunks(sources))
    assert [source for chunk in chunks for source in chunk] == sources
    assert max(map(len, chunks)) == pool.CHUNK_FILES
    assert all(sum(s.size for s in chunk[:-1]) < pool.CHUNK_BYTES for chunk in chunks)
