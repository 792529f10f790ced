"""Worker time by stage."""

import time

import pytest

from ser_batch.engine.stopwatch import STAGES, Stopwatch


def test_work_counts_for_its_stage_and_sleep_for_waiting():
    watch = Stopwatch()
    began, busy = time.perf_counter(), time.thread_time()
    time.sleep(0.05)
    watch.lap("decode")
    sum(range(300_000))
    watch.lap("network")
    elapsed, computed = time.perf_counter() - began, time.thread_time() - busy
    seconds = dict(zip(STAGES, watch.seconds(), strict=True))
    assert seconds["waiting"] >= 0.04
    assert seconds["network"] > seconds["decode"] > 0
    assert seconds["denoise"] == 0
    assert sum(seconds.values()) == pytest.approx(elapsed, abs=0.01)
    assert seconds["network"] + seconds["decode"] == pytest.approx(computed, abs=0.01)
