import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.evaluation import metrics
from ser_batch.evaluation.calibration import fit_temperature
from ser_batch.model.runtime import softmax

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=80)


@given(pairs)
def test_figures_equal_those_of_scikit_learn(answers):
    actual, predicted = np.array(answers).T
    confusion = metrics.confusion_matrix(actual, predicted, 5)
    occurring = sorted(set(actual.tolist()))
    np.testing.assert_array_equal(confusion, oracle.confusion_matrix(actual, predicted, labels=range(5)))
    assert metrics.accuracy(confusion) == pytest.approx(oracle.accuracy_score(actual, predicted))
    settings = {"labels": occurring, "zero_division": 0}
    precision, recall, f1, _ = oracle.precision_recall_fscore_support(actual, predicted, **settings)
    np.testing.assert_allclose(metrics.precision(confusion)[occurring], precision)
    np.testing.assert_allclose(metrics.recall(confusion)[occurring], recall)
    np.testing.assert_allclose(metrics.f1(confusion)[occurring], f1)
    assert metrics.uar(confusion) == pytest.approx(recall.mean())
    assert metrics.macro_f1(confusion) == pytest.approx(f1.mean())


def test_classes_that_do_not_occur_have_no_recall_and_do_not_count():
    confusion = metrics.confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert np.isnan(metrics.recall(confusion)[2])
    assert metrics.uar(confusion) == 0.75


def test_negative_log_likelihood_equals_scikit_learns_log_loss(rng):
    logits, actual = rng.normal(0, 3, (50, 4)), rng.integers(0, 4, 50)
    expected = oracle.log_loss(actual, softmax(logits, 1.7), labels=range(4))
    assert metrics.negative_log_likelihood(logits, actual, 1.7) == pytest.approx(expected)
    assert np.isfinite(metrics.negative_log_likelihood(np.array([[1e4, -1e4]]), np.array([1])))


def test_calibration_error_by_hand():
    # two clips at 0.9 (one right), two at 0.6 (both right): gaps 0.4 and 0.4
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    actual = np.array([0, 1, 0, 1])
    assert metrics.expected_calibration_error(probabilities, actual) == pytest.approx(0.4)
    count, confidence, right = metrics.calibration_bins(probabilities, actual)
    assert count.sum() == 4
    assert len(count) == 15
    np.testing.assert_allclose(confidence[count > 0], [0.6, 0.9])
    np.testing.assert_allclose(right[count > 0], [1, 0.5])


def test_certain_and_right_is_calibrated():
    assert metrics.expected_calibration_error(np.eye(3), np.arange(3)) == 0


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(rng, true_temperature):
    logits = rng.normal(0, 3, (20_000, 5))
    chances = softmax(logits, true_temperature).cumsum(axis=1)
    actual = (rng.random((20_000, 1)) > chances).sum(axis=1).clip(max=4)
    assert fit_temperature(logits, actual) == pytest.approx(true_temperature, rel=0.05)


def test_calibration_moves_no_prediction_and_lowers_the_error(rng):
    logits = rng.normal(0, 4, (2_000, 4))
    actual = np.where(rng.random(2_000) < 0.5, logits.argmax(axis=1), rng.integers(0, 4, 2_000))
    temperature = fit_temperature(logits, actual)
    before, after = softmax(logits), softmax(logits, temperature)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert metrics.expected_calibration_error(after, actual) < metrics.expected_calibration_error(
        before, actual
    )


def test_the_temperature_is_bounded_even_when_every_answer_is_right():
    logits = 5 * np.eye(3)
    assert 0.05 <= fit_temperature(logits, np.arange(3)) <= 20
