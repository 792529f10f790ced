"""Rows of the tables from annotations."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.audio.voice import SILENT
from ser_batch.engine.job import Options
from ser_batch.engine.result import SCALE, Annotation, to_ten_thousandths
from ser_batch.runs.rows import rows

LABELS = ["angry", "sad", "happy"]


def annotation(shares, speech, rate=44_100):
    starts = np.arange(len(speech)) * 66_150
    return Annotation(rate, starts, starts + 132_300, np.array(shares, np.int32), np.array(speech, np.int32))


@given(st.lists(st.floats(1e-6, 1), min_size=2, max_size=8))
def test_ten_thousandths_sum_to_one_exactly(weights):
    probabilities = np.array(weights) / np.sum(weights)
    shares = to_ten_thousandths(probabilities)
    assert shares.sum() == SCALE
    assert (shares >= 0).all()
    assert np.abs(shares / SCALE - probabilities).max() <= len(weights) / SCALE


def test_a_file_is_the_mean_of_its_segments_by_speech():
    file, segments = rows("a.wav", annotation([[10_000, 0, 0], [0, 10_000, 0]], [2_500, 7_500]), LABELS)
    assert [s.emotion.label for s in segments] == ["angry", "sad"]
    assert file.emotion.probabilities == (0.25, 0.75, 0.0)
    assert (file.emotion.label, file.emotion.confidence, file.emotion.speech_ratio) == ("sad", 0.75, 0.5)
    assert (file.duration, file.n_segments) == (4.5, 2)
    assert [(s.start, s.end) for s in segments] == [(0.0, 3.0), (1.5, 4.5)]


def test_silent_segments_have_no_label_and_no_weight():
    file, segments = rows("a.wav", annotation([[0, 0, 0], [1_000, 2_000, 7_000]], [0, 10_000]), LABELS)
    assert segments[0].emotion.status == "silent"
    assert segments[0].emotion.label is None
    assert segments[0].emotion.probabilities is None
    assert file.emotion.probabilities == (0.1, 0.2, 0.7)
    assert file.emotion.status == "ok"


def heard(shares, speech, voice):
    return replace(annotation(shares, speech), voice=np.array(voice, np.int64))


def test_a_window_without_enough_speech_has_no_label_and_no_weight():
    file, segments = rows("a.wav", heard([[0, 0, 0], [0, 0, 10_000]], [400, 9_600], [3, 2**45 - 1]), LABELS)
    assert segments[0].emotion.status == "no-speech"
    assert (segments[0].emotion.label, segments[0].emotion.probabilities) == (None, None)
    assert segments[0].emotion.speech_ratio == 0.04
    assert (file.emotion.label, file.emotion.confidence) == ("happy", 1.0)
    assert file.emotion.speech_ratio == 0.5


def test_a_file_without_speech():
    nothing = [[0, 0, 0], [0, 0, 0]]
    assert rows("a.wav", heard(nothing, [0, 0], [SILENT, 0]), LABELS)[0].emotion.status == "no-speech"
    assert rows("a.wav", heard(nothing, [0, 0], [SILENT, SILENT]), LABELS)[0].emotion.status == "silent"
    music, _ = rows("a.wav", heard(nothing, [300, 500], [1, 2]), LABELS, Options(min_confidence=0.5))
    assert (music.emotion.status, music.emotion.speech_ratio) == ("no-speech", 0.04)


def test_neighbours_without_speech_are_joined():
    found = heard([[0, 0, 0]] * 3 + [[0, 0, 10_000]], [0, 0, 300, 9_000], [SILENT, 0, 8, 255])
    _, segments = rows("a.wav", found, LABELS, Options(merge_consecutive=True))
    assert [segment.emotion.status for segment in segments] == ["silent", "no-speech", "ok"]


def test_stretches_of_speech_come_with_the_file():
    assert rows("a.wav", annotation([[0, 0, 10_000]], [9_000]), LABELS)[0].speech is None
    file, _ = rows("a.wav", heard([[0, 0, 10_000]], [9_000], [0b1100111]), LABELS)
    assert file.speech == ((0.0, 0.192), (0.32, 0.448))


def test_a_silent_file_has_no_label():
    file, _ = rows("a.wav", annotation([[0, 0, 0]], [0]), LABELS)
    assert (file.emotion.label, file.emotion.confidence, file.emotion.status) == (None, None, "silent")
    assert file.emotion.speech_ratio == 0


@given(st.lists(st.tuples(st.integers(0, SCALE), st.integers(0, SCALE)), min_size=1, max_size=50))
def test_a_file_s_probabilities_sum_to_one(segments):
    shares = [[a, SCALE - a, 0] for a, _ in segments]
    speech = [heard for _, heard in segments]
    file, _ = rows("a.wav", annotation(shares, speech), LABELS)
    if file.emotion.probabilities:
        assert sum(file.emotion.probabilities) == pytest.approx(1, abs=1e-12)


def test_a_long_file_is_the_mean_of_all_its_segments():
    """Forty windows full of speech: their weighted sum takes more than 32 bits."""
    file, _ = rows("a.wav", annotation([[9_000, 1_000, 0]] * 40, [10_000] * 40), LABELS)
    assert file.emotion.probabilities == (0.9, 0.1, 0.0)
    assert file.emotion.label == "angry"


@st.composite
def annotations(draw):
    """Of any labels, speech and lengths, with ties and silence."""
    n = draw(st.integers(1, 40))
    levels = st.sampled_from([0, 1, 3_333, 5_000, 9_999])
    shares = []
    for _ in range(n):
        weights = np.array(draw(st.tuples(levels, levels, levels))) + np.array([0, 0, 1])
        shares.append(to_ten_thousandths(weights / weights.sum()))
    speech = draw(st.lists(st.sampled_from([0, 1, 7, 5_000, SCALE]), min_size=n, max_size=n))
    shares = [share if heard else np.zeros(3, np.int32) for share, heard in zip(shares, speech, strict=True)]
    return annotation(shares, speech)


def named(segments):
    return [(s.emotion.status, s.emotion.label) for s in segments]


@settings(max_examples=60)
@given(annotations(), st.sampled_from([0.0, 0.4, 0.5, 1.0]))
def test_joined_segments_are_the_runs_of_the_single_ones(result, least):
    file, single = rows("a.wav", result, LABELS, Options(min_confidence=least))
    joined_file, joined = rows("a.wav", result, LABELS, Options(merge_consecutive=True, min_confidence=least))
    runs = [list(run) for _, run in groupby(single, key=lambda s: (s.emotion.status, s.emotion.label))]
    assert named(joined) == named([run[0] for run in runs])
    for segment, run in zip(joined, runs, strict=True):
        assert (segment.start, segment.end) == (run[0].start, run[-1].end)
        heard = segment.emotion
        weights = [s.emotion.speech_ratio for s in run]
        assert heard.speech_ratio == pytest.approx(np.mean(weights), abs=1e-4)
        if heard.probabilities:
            assert sum(heard.probabilities) == pytest.approx(1, abs=1e-12)
            assert heard.confidence == max(heard.probabilities)
            assert heard.label is None or heard.confidence == heard.probabilities[LABELS.index(heard.label)]
            mean = np.average([s.emotion.probabilities for s in run], axis=0, weights=weights)
            assert np.abs(mean - heard.probabilities).max() <= 4e-4
        if len(run) == 1:
            assert segment == run[0]
    assert joined_file.emotion == file.emotion
    assert joined_file.n_segments == len(joined)
    if len(joined) == 1 and joined[0].emotion.speech_ratio:
        assert joined[0].emotion.probabilities == file.emotion.probabilities


@settings(max_examples=60)
@given(annotations(), st.floats(0, 1))
def test_a_minimum_confidence_removes_only_labels(result, least):
    everything = rows("a.wav", result, LABELS)
    shown = rows("a.wav", result, LABELS, Options(min_confidence=least))
    for before, after in zip([everything[0], *everything[1]], [shown[0], *shown[1]], strict=True):
        if before.emotion.status == "silent" or before.emotion.confidence >= least:
            assert after == before
        else:
            assert (after.emotion.status, after.emotion.label) == ("uncertain", None)
            assert replace(after, emotion=replace(after.emotion, label=before.emotion.label)) == before


def test_a_confidence_equal_to_the_minimum_has_a_label():
    result = annotation([[700, 9_300, 0], [9_300, 700, 0]], [10_000, 10_000])
    _, segments = rows("a.wav", result, LABELS, Options(min_confidence=0.93))
    assert [s.emotion.label for s in segments] == ["sad", "angry"]


def test_rounding_changes_no_label_of_joined_segments():
    shares = [[1998, 1999, 1501, 1500, 1501, 1501], [1996, 1997, 1502, 1501, 1502, 1502]]
    assert to_ten_thousandths(np.average(shares, axis=0, weights=[2652, 6775]) / SCALE).argmax() == 0
    [joined] = rows(
        "a.wav", annotation(shares, [2652, 6775]), list("abcdef"), Options(merge_consecutive=True)
    )[1]
    assert (joined.emotion.label, joined.emotion.confidence) == ("b", 0.1997)
    assert sum(joined.emotion.probabilities) == pytest.approx(1)
