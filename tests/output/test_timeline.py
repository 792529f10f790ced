"""Timelines: overlapping windows become stretches without overlap."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.audio.windows import windows
from ser_batch.output.schema import Emotion, SegmentRow
from ser_batch.output.timeline import clock, in_milliseconds, stretches

RATES = (1_000, 8_000, 11_025, 16_000, 44_100, 96_000)


@st.composite
def files(draw):
    """The segments of a file of any length, rate, window and hop, cut by the very code that annotates."""
    rate = draw(st.sampled_from(RATES))
    window = draw(st.floats(0.1, 3.0))
    hop = draw(st.floats(max(0.01, window / 8), window))
    n = draw(st.integers(1, 12 * rate))
    cut = windows(iter([np.zeros(n, np.float32)]), rate, window, hop)
    return [
        SegmentRow(
            "a.wav", round(w.start / rate, 6), round(w.end / rate, 6), Emotion(str(i), 1.0, (1.0,), 1.0)
        )
        for i, w in enumerate(cut)
    ]


@given(files())
def test_they_tile_the_file_and_lie_in_their_windows(segments):
    timeline = list(stretches(segments))
    assert (timeline[0].start, timeline[-1].end) == (0.0, segments[-1].end)
    assert all(before.end == after.start for before, after in pairwise(timeline))
    assert [stretch.emotion for stretch in timeline] == [segment.emotion for segment in segments]
    for stretch, segment in zip(timeline, segments, strict=True):
        assert stretch.start < stretch.end
        # windows without overlap may be a sample apart
        assert segment.start - 0.001 <= stretch.start
        assert stretch.end <= segment.end + 0.001


@given(files(), st.floats(0, 1))
def test_each_time_has_the_label_of_the_window_whose_centre_is_nearest(segments, share):
    time = share * segments[-1].end
    lengths = {round(segment.end - segment.start, 3) for segment in segments}
    shown = [i for i, s in enumerate(stretches(segments)) if s.start - 1e-6 <= time <= s.end + 1e-6]
    distances = [abs((segment.start + segment.end) / 2 - time) for segment in segments]
    if len(lengths) == 1:  # the last window may be shorter than the others
        assert min(distances[i] for i in shown) <= min(distances) + 1e-3


@given(files())
def test_in_milliseconds_they_still_tile_and_none_is_empty(segments):
    timeline = list(stretches(segments))
    rounded = list(in_milliseconds(timeline))
    assert rounded[0][0] == 0
    assert all(start < end for start, end, _ in rounded)
    assert all(before[1] == after[0] for before, after in pairwise(rounded))
    # half of one by rounding, and one that a sliver at the end is given
    assert all(abs(end / 1000 - s.end) < 0.0016 for (_, end, _), s in zip(rounded, timeline, strict=True))


def test_three_seconds_every_second_and_a_half():
    heard = [Emotion(label, 1.0, (1.0,), 1.0) for label in "abc"]
    segments = [
        SegmentRow("a.wav", start, end, emotion)
        for start, end, emotion in zip([0.0, 1.5, 3.0], [3.0, 4.5, 5.2], heard, strict=True)
    ]
    assert [(s.start, s.end, s.emotion.label) for s in stretches(segments)] == [
        (0.0, 2.25, "a"),
        (2.25, 3.75, "b"),
        (3.75, 5.2, "c"),
    ]


def test_windows_that_do_not_overlap_stay_as_they_are():
    times = [(0.0, 3.0), (3.0, 6.0), (6.0, 6.1)]
    segments = [SegmentRow("a.wav", *time, Emotion("a", 1.0, (1.0,), 1.0)) for time in times]
    assert [(s.start, s.end) for s in stretches(segments)] == times


def test_a_clock_goes_beyond_a_day():
    assert clock(100 * 3_600_000 + 61_007) == "100:01:01.007"
    assert clock(0, ",") == "00:00:00,000"
