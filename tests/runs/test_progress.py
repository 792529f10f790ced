"""The estimate of the time left."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source
from ser_batch.runs.progress import ProgressEstimate, count_work

FAILURE = Failure("decode", "DecodeError", "the file is empty")
RATES = {".wav": 32_000, ".MP3": 4_000, ".xyz": 500}  # bytes in a second


def annotation(seconds):
    end = np.array([round(seconds * 1_000)])
    return Annotation(1_000, np.zeros(1, np.int64), end, np.zeros((1, 2), np.int32), np.zeros(1, np.int32))


def meter_of(sources):
    return ProgressEstimate(count_work(sources, [], 0, ("a", "b"), str))


@given(st.lists(st.tuples(st.sampled_from(list(RATES)), st.integers(1, 600), st.booleans()), min_size=1))
def test_the_estimate_of_the_rest_ends_at_zero(files):
    sources = [Source(f"{i}{kind}", s * RATES[kind], 0) for i, (kind, s, _) in enumerate(files)]
    meter = meter_of(sources)
    assert meter.time_left is None
    for source, (_, seconds, good) in zip(sources, files, strict=True):
        assert meter.seconds_left > 0
        meter.add(source, annotation(seconds) if good else FAILURE)
    assert meter.seconds_left == 0
    assert meter.seconds == sum(seconds for _, seconds, good in files if good)
    assert (meter.done, meter.failed) == (len(files), sum(not good for *_, good in files))
    assert not meter.time_left


def test_each_file_type_has_its_own_rate():
    sources = [Source(f"{k}{kind}", 100 * rate, 0) for kind, rate in RATES.items() for k in range(40)]
    meter = meter_of(sources)
    for source in sources[::2]:
        meter.add(source, annotation(100))
    assert meter.seconds_left == pytest.approx(60 * 100, rel=0.05)
    halves = meter_of(sources)
    for source in sources[:60]:  # all of one type, half of another, none of the third
        halves.add(source, annotation(100))
    known = sum(100 for source in sources[60:80])
    assert halves.seconds_left > known  # and what is usual for the third


def test_a_long_file_counts_while_it_is_in_work():
    sources = [Source("a.wav", 32_000 * 3_600, 0), Source("b.wav", 32_000 * 60, 0)]
    meter = meter_of(sources)
    meter.file_progress(sources[0], 900.0)
    assert (meter.seconds, meter.done) == (900, 0)
    assert meter.seconds_left == pytest.approx(2_760, rel=0.01)
    assert meter.time_left is not None
    meter.add(sources[0], annotation(3_600))
    assert meter.seconds == 3_600
    meter.file_progress(sources[1], 30.0)
    meter.add(sources[1], FAILURE)
    assert (meter.seconds, meter.seconds_left) == (3_600, 0)


def test_the_estimate_includes_future_failures():
    sources = [Source(f"{k}.wav", 3_200_000, 0) for k in range(100)]
    meter = meter_of(sources)
    for k, source in enumerate(sources[:50]):
        meter.add(source, FAILURE if k % 2 else annotation(100))
    assert meter.seconds_left == pytest.approx(25 * 100, rel=0.02)


def test_the_time_left_counts_down_between_results():
    meter = meter_of([Source(f"{k}.wav", 3_200_000, 0) for k in range(3)])
    time.sleep(0.1)
    meter.add(Source("0.wav", 3_200_000, 0), annotation(100))
    first = meter.time_left
    assert first == pytest.approx(2 * 0.1, rel=0.3)
    time.sleep(0.05)
    assert meter.time_left == pytest.approx(first - 0.05, abs=0.02)
    time.sleep(0.3)
    assert meter.time_left == 0
