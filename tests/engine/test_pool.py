"""The pool of worker processes: results, faults of files, and faults of workers."""

import multiprocessing
import multiprocessing.spawn
import os
import shutil
import signal
import threading
import time
from contextlib import closing
from multiprocessing import resource_tracker

import pytest
import soundfile

from ser_batch.engine import pool
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from tests.pooling import annotate, outcomes


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


def test_each_file_is_returned_once(clips, settings):
    results = annotate(clips * 3, settings)
    assert sorted(source.path for source, _ in results) == sorted(clip.path for clip in clips * 3)
    assert all(isinstance(outcome, Annotation) for _, outcome in results)


def test_jobs_do_not_change_results(clips, settings):
    one, two = outcomes(annotate(clips, settings, 1)), outcomes(annotate(clips, settings, 2))
    assert {path: a.record() for path, a in one.items()} == {path: a.record() for path, a in two.items()}


def test_a_failing_file_fails_alone(clips, settings, tmp_path):
    (tmp_path / "bad.wav").write_text("dear diary")
    bad, gone = Source(str(tmp_path / "bad.wav"), 10, 0), Source(str(tmp_path / "gone.wav"), 10, 0)
    found = outcomes(annotate([clips[0], bad, clips[1], gone, clips[2]], settings))
    assert found[bad.path].stage == "decode"
    assert "not audio" in found[bad.path].message
    assert found[gone.path] == Failure("decode", "FileNotFoundError", "No such file or directory")
    assert all(isinstance(found[clip.path], Annotation) for clip in clips[:3])


def test_a_hanging_file_fails_and_its_neighbours_are_annotated(clips, settings, trap):
    found = outcomes(annotate([clips[0], trap, *clips[1:]], settings, timeout=1.0))
    assert (found.pop(trap.path)).error == "Timeout"
    assert len(found) == len(clips)
    assert all(isinstance(outcome, Annotation) for outcome in found.values())


def test_a_file_that_kills_its_worker_twice_fails(clips, settings, trap):
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


@pytest.mark.parametrize(("fault", "signal_name"), [("deadly", "SIGKILL"), ("segfault", "SIGSEGV")])
def test_a_file_that_crashes_its_worker_fails_alone(clips, settings, faulty, fault, signal_name):
    bad = faulty(f"{fault}-1.flac")
    found = outcomes(annotate([clips[0], bad, *clips[1:]], settings))
    failure = found.pop(bad.path)
    assert (failure.stage, failure.error) == ("worker", "Crash")
    assert signal_name in failure.message
    assert len(found) == len(clips)
    assert all(isinstance(outcome, Annotation) for outcome in found.values())


def test_a_file_that_takes_all_memory_fails_alone(clips, settings, faulty):
    hungry = faulty("hungry-1.flac")
    found = outcomes(annotate([clips[0], hungry, *clips[1:]], settings))
    failure = found.pop(hungry.path)
    assert (failure.stage, failure.error) == ("worker", "Memory")
    assert "1 GB" in failure.message
    assert all(isinstance(outcome, Annotation) for outcome in found.values())


def test_a_worker_out_of_memory_is_replaced_and_good_files_succeed(settings, faulty):
    leaky = [faulty(f"leaky-{k}.flac") for k in range(5)]  # 300 MB each, of which three fit
    found = outcomes(annotate(leaky, settings, jobs=1))
    assert len(found) == 5
    assert all(isinstance(outcome, Annotation) for outcome in found.values())


def test_a_long_file_may_take_longer_than_the_timeout(settings, tmp_path, faulty, monkeypatch, rng):
    monkeypatch.setattr(pool, "SECONDS_A_MEGABYTE", 0)
    slow = faulty("slow-1.wav")
    soundfile.write(slow.path, rng.normal(0, 0.1, 40 * 16_000), 16_000)  # 10 blocks, 0.3 s each
    began = time.monotonic()
    ((_, outcome),) = annotate([slow], settings, timeout=1.5)
    assert time.monotonic() - began > 3.0
    assert isinstance(outcome, Annotation)


def test_after_a_stop_only_the_files_in_work_are_finished(clips, settings):
    many = clips * 40
    seen = []
    stop = threading.Event()
    for source, _ in pool.annotate(many, settings, 2, 60.0, stop.is_set):
        seen.append(source)
        stop.set()
    assert 1 <= len(seen) <= 4  # at most a result of each worker read together, then the file each was at


def test_workers_do_not_queue_many_long_files(settings, samples):
    given = []

    def sources():
        for _ in range(20):
            given.append(1)
            yield Source(str(samples / "radio" / "story.opus"), 500_000_000, 0)

    with closing(pool.annotate(sources(), settings, 2, 60.0, lambda: False)) as results:
        next(results)
        assert len(given) <= 4


def test_a_failed_replacement_of_a_worker_is_repeated(clips, settings, faulty, tmp_path):
    bundle = shutil.copytree(settings.model, tmp_path / "model")
    sources = [clips[0], faulty("deadly-1.flac"), *clips[1:]]
    results = pool.annotate(
        sources, Settings(str(bundle), 3.0, 1.5, "gate"), jobs=1, timeout=60.0, stopped=lambda: False
    )
    found = [next(results)]
    card = (bundle / "card.json").rename(bundle / "card.hidden")

    def put_back_when_a_third_worker_starts():
        seen = set()
        while len(seen) < 3:
            seen.update(child.pid for child in multiprocessing.active_children())
            time.sleep(0.01)
        card.rename(bundle / "card.json")

    threading.Thread(target=put_back_when_a_third_worker_starts, daemon=True).start()
    found += results
    assert len(found) == len(sources)
    assert sum(isinstance(outcome, Failure) for _, outcome in found) == 1


def test_a_broken_model_is_reported_once(clips, tmp_path):
    with pytest.raises(SerBatchError, match="workers cannot start"):
        annotate(clips, Settings(str(tmp_path), 3.0, 1.5, "off"))


def test_a_python_that_cannot_start_is_reported(clips, settings, monkeypatch):
    resource_tracker.ensure_running()  # a Python process, too
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", b"/bin/false")
    with pytest.raises(SerBatchError, match=r"workers cannot start: /bin/false ended with exit code 1: try"):
        annotate(clips, settings)


def test_no_process_remains(clips, settings):
    annotate(clips, settings)
    assert not multiprocessing.active_children()
    results = pool.annotate(clips * 10, settings, 2, 60.0, lambda: False)
    next(results)
    results.close()
    assert not multiprocessing.active_children()


def test_chunks_hold_few_files_and_few_bytes():
    sources = [Source(str(k), size, 0) for k, size in enumerate([1_000] * 40 + [9_000_000] * 3)]
    chunks = list(pool.chunks(sources))
    assert [source for chunk in chunks for source in chunk] == sources
    assert max(map(len, chunks)) == pool.CHUNK_FILES
    assert all(sum(s.size for s in chunk[:-1]) < pool.CHUNK_BYTES for chunk in chunks)
