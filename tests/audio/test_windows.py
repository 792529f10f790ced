from fractions import Fraction
from math import ceil

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.audio.windows import windows


def cut(audio, sample_rate, block=65_536, window=3.0, hop=1.5):
    blocks = [audio[i : i + block] for i in range(0, len(audio), block)]
    return list(windows(blocks, sample_rate, window, hop))


def noise(n_samples):
    return np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)


@settings(max_examples=80, deadline=None)
@given(
    sample_rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    n_samples=st.integers(1, 300_000),
    hop=st.sampled_from([0.5, 0.7, 1.5, 3.0]),
)
def test_windows_start_at_each_hop_and_end_with_the_file(sample_rate, n_samples, hop):
    found = cut(noise(n_samples), sample_rate, hop=hop)
    exact = Fraction(str(hop))
    last = max(0, ceil((Fraction(n_samples, sample_rate) - 3) / exact))
    assert [window.start for window in found] == [int(k * exact * sample_rate) for k in range(last + 1)]
    assert found[-1].end == n_samples
    assert all(window.end - window.start == 3 * sample_rate for window in found[:-1])
    assert all(0 <= len(window.samples) <= 48_000 for window in found)
    assert [window.start for window in found[1:]] <= [window.end for window in found]


@settings(max_examples=40, deadline=None)
@given(
    sample_rate=st.sampled_from([8_000, 16_000, 44_100]),
    n_samples=st.integers(1, 400_000),
    block=st.integers(700, 200_000),
)
def test_blocks_change_nothing(sample_rate, n_samples, block):
    audio = noise(n_samples)
    whole, blocked = cut(audio, sample_rate, n_samples), cut(audio, sample_rate, block)
    for a, b in zip(whole, blocked, strict=True):
        assert (a.start, a.end) == (b.start, b.end)
        np.testing.assert_array_equal(a.samples, b.samples)


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 44_100, 48_000, 192_000])
def test_windows_hold_the_resampled_audio(sample_rate):
    audio = noise(7 * sample_rate)
    expected = soxr.resample(audio, sample_rate, 16_000, quality="HQ")
    for window in cut(audio, sample_rate):
        start = window.start * 16_000 // sample_rate
        np.testing.assert_allclose(window.samples, expected[start : start + 48_000], atol=1e-5)


def test_no_audio_gives_no_window():
    assert cut(noise(0), 44_100) == []


def test_times_do_not_drift_over_two_hours():
    hour = np.zeros(3_600 * 16, np.float32)  # at 16 Hz, to be quick
    found = list(windows((hour for _ in range(2)), 16, 3.0, 0.7))
    assert found[-1].end == 115_200
    assert all(window.start == k * 112 // 10 for k, window in enumerate(found))
