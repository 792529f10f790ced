import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.engine.result import SHARE, Annotation, in_shares
from ser_batch.engine.rows import rows

LABELS = ["angry", "sad", "happy"]


def annotation(shares, speech, rate=44_100):
    starts = np.arange(len(speech)) * 66_150
    return Annotation(rate, starts, starts + 132_300, np.array(shares, np.int32), np.array(speech, np.int32))


@given(st.lists(st.floats(1e-6, 1), min_size=2, max_size=8))
def test_shares_sum_to_one_exactly(weights):
    probabilities = np.array(weights) / np.sum(weights)
    shares = in_shares(probabilities)
    assert shares.sum() == SHARE
    assert (shares >= 0).all()
    assert np.abs(shares / SHARE - probabilities).max() <= len(weights) / SHARE


def test_a_file_is_the_mean_of_its_segments_by_speech():
    file, segments = rows("a.wav", annotation([[10_000, 0, 0], [0, 10_000, 0]], [2_500, 7_500]), LABELS)
    assert [s.emotion.label for s in segments] == ["angry", "sad"]
    assert file.emotion.probabilities == (0.25, 0.75, 0.0)
    assert (file.emotion.label, file.emotion.confidence, file.emotion.speech_ratio) == ("sad", 0.75, 0.5)
    assert (file.duration, file.n_segments) == (4.5, 2)
    assert [(s.start, s.end) for s in segments] == [(0.0, 3.0), (1.5, 4.5)]


def test_silence_has_no_label_and_no_weight():
    file, segments = rows("a.wav", annotation([[0, 0, 0], [1_000, 2_000, 7_000]], [0, 10_000]), LABELS)
    assert segments[0].emotion.status == "silent"
    assert segments[0].emotion.label is None
    assert segments[0].emotion.probabilities is None
    assert file.emotion.probabilities == (0.1, 0.2, 0.7)
    assert file.emotion.status == "ok"


def test_a_silent_file_has_no_label():
    file, _ = rows("a.wav", annotation([[0, 0, 0]], [0]), LABELS)
    assert (file.emotion.label, file.emotion.confidence, file.emotion.status) == (None, None, "silent")
    assert file.emotion.speech_ratio == 0


@given(st.lists(st.tuples(st.integers(0, SHARE), st.integers(0, SHARE)), min_size=1, max_size=50))
def test_a_file_s_probabilities_sum_to_one(segments):
    shares = [[a, SHARE - a, 0] for a, _ in segments]
    speech = [heard for _, heard in segments]
    file, _ = rows("a.wav", annotation(shares, speech), LABELS)
    if file.emotion.probabilities:
        assert sum(file.emotion.probabilities) == pytest.approx(1, abs=1e-12)
