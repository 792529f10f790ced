"""Steps, frames and stretches of speech; the detector itself is heard in tests/engine/test_voice.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.audio.features import true_frames
from ser_batch.audio.front_end import N_FRAMES
from ser_batch.audio.voice import (
    N_STEPS,
    SILENT,
    STEP_SECONDS,
    WINDOWS_AT_ONCE,
    frames_wanted,
    speech_bits,
    speech_frames,
    stretches,
)


def test_the_steps_are_a_window():
    assert N_STEPS * 4 == N_FRAMES
    assert STEP_SECONDS == 0.064


def test_bits_are_the_steps_above_the_threshold():
    probabilities = np.zeros(N_STEPS, np.float32)
    probabilities[[0, 3, 46]] = 0.7, 0.9, 1.0
    assert speech_bits(probabilities) == 1 + 8 + 2**46
    assert speech_bits(np.zeros(N_STEPS, np.float32)) == 0


@given(st.integers(0, 2**N_STEPS - 1), st.integers(1, 48_000))
def test_frames_are_those_of_the_steps_before_the_padding(bits, n_samples):
    n_frames = true_frames(n_samples)
    frames = [bits >> frame // 4 & 1 for frame in range(N_FRAMES)]
    assert speech_frames(bits, n_frames) == sum(frames[:n_frames])


@pytest.mark.parametrize(("n_frames", "wanted"), [(188, 12), (24, 12), (10, 5), (1, 1), (2, 1)])
def test_a_short_window_must_be_half_speech(n_frames, wanted):
    assert frames_wanted(0.2, n_frames) == wanted


def test_any_speech_at_all():
    assert frames_wanted(0.0, 188) == 1


def bits_of(*ranges):
    return sum(1 << k for first, end in ranges for k in range(first, end))


def test_stretches_of_one_window():
    found = stretches(
        16_000, np.array([0]), np.array([48_000]), np.array([bits_of((0, 2), (3, 5), (40, 47))])
    )
    assert found == [
        (0.0, 0.32),
        (2.56, 3.0),
    ]  # a gap of one step is closed; the last step ends with the window


def test_the_window_whose_centre_is_nearest_counts():
    starts, ends = np.array([0, 24_000]), np.array([48_000, 72_000])
    everywhere, nowhere = bits_of((0, 47)), 0
    assert stretches(16_000, starts, ends, np.array([everywhere, nowhere])) == [(0.0, 2.25)]
    assert stretches(16_000, starts, ends, np.array([nowhere, everywhere])) == [(2.25, 4.5)]
    assert stretches(16_000, starts, ends, np.array([everywhere, everywhere])) == [(0.0, 4.5)]


def test_silence_has_no_stretch():
    assert stretches(16_000, np.array([0]), np.array([48_000]), np.array([SILENT])) == []


@given(
    st.lists(st.integers(SILENT, 2**N_STEPS - 1), min_size=1, max_size=12), st.sampled_from([8_000, 44_100])
)
def test_stretches_are_sorted_apart_and_within_the_file(bits, rate):
    starts = np.arange(len(bits), dtype=np.int64) * (rate * 3 // 2)
    ends = starts + 3 * rate
    found = stretches(rate, starts, ends, np.array(bits, np.int64))
    edges = [edge for stretch in found for edge in stretch]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= ends[-1] / rate for edge in edges)


def test_a_long_file_has_the_stretches_of_its_parts():
    """More windows than are computed at once: a stretch goes on across the border."""
    n = WINDOWS_AT_ONCE + 5
    starts = np.arange(n) * 24_000
    bits = np.full(n, 2**N_STEPS - 1)
    assert stretches(16_000, starts, starts + 48_000, bits) == [(0.0, 1.5 * (n - 1) + 3)]
    bits[[3, WINDOWS_AT_ONCE - 1]] = 0
    found = stretches(16_000, starts, starts + 48_000, bits)
    assert [begin for begin, _ in found] == [0.0, 4 * 1.5 + 0.75, WINDOWS_AT_ONCE * 1.5 + 0.75]
