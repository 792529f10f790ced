import numpy as np
import pytest

from ser_batch.evaluation.audit_estimates import Estimate, Sample, agreement, figures, joint_cells
from ser_batch.evaluation.audit_sample import allocate, draw, strata


def archive(seed, n=3_000):
    """An archive of 60 % neutral: predicted labels, confidence, actual labels; 54 % are right."""
    random = np.random.default_rng(seed)
    actual = random.choice(6, n, p=[0.1, 0.05, 0.05, 0.1, 0.6, 0.1])
    confidence = random.uniform(0.2, 1, n)
    right = random.random(n) < 0.75 * confidence
    predicted = np.where(right, actual, random.integers(0, 6, n))
    return predicted, confidence, actual


def test_strata_halve_each_label():
    predicted, confidence, _ = archive(0)
    stratum = strata(predicted, confidence)
    assert (stratum // 2 == predicted).all()
    for label in range(6):
        lower, upper = (confidence[stratum == 2 * label + half] for half in (0, 1))
        assert abs(len(lower) - len(upper)) <= 1
        assert lower.max() <= upper.min()


def test_allocation():
    assert allocate(np.array([10_000, 100, 1]), 60).tolist() == [54, 5, 1]
    assert allocate(np.array([3, 4]), 60).tolist() == [3, 4]


def test_each_unit_is_drawn_with_the_probability_that_is_told():
    predicted, confidence, _ = archive(0, 300)
    stratum = strata(predicted, confidence)
    drawn, told = np.zeros(300), np.zeros(300)
    for seed in range(400):
        indices, probabilities = draw(stratum, 60, seed)
        assert len(set(indices)) == len(indices) == 60
        drawn[indices] += 1
        told[indices] = probabilities
    for number in np.unique(stratum):
        assert drawn[stratum == number].mean() / 400 == pytest.approx(told[stratum == number].max(), abs=1e-9)
    assert (
        draw(stratum, 60, 1)[0].tolist()
        == draw(stratum, 60, 1)[0].tolist()
        != draw(stratum, 60, 2)[0].tolist()
    )


def test_a_cross_validated_figure_has_a_wider_interval():
    wide = Estimate(0.6, 0.5, 0.68).cross_validated(5)
    assert (wide.value, wide.low, wide.high) == pytest.approx((0.6, 0.45, 0.72))
    share = Estimate(0.9, 0.05, 0.99).cross_validated(5)
    assert (share.low, share.high) == (0, 1)
    kappa = Estimate(0.1, -0.1, 0.3).cross_validated(5)
    assert kappa.low == pytest.approx(-0.2)


def estimates(predicted, confidence, actual, seed, n=60):
    stratum = strata(predicted, confidence)
    indices, probabilities = draw(stratum, n, seed)
    sample = Sample(stratum[indices], stratum)
    assert sample.weights == pytest.approx(1 / probabilities / len(stratum))
    votes = np.eye(7)[actual[indices]]
    return sample.estimate(joint_cells(votes, predicted[indices]), figures)


@pytest.mark.slow
def test_estimates_are_unbiased_and_intervals_cover_the_truth():
    found, covered, truths = [], [], []
    for seed in range(100):
        predicted, confidence, actual = archive(seed)
        truth = figures(joint_cells(np.eye(7)[actual], predicted).mean(0)[np.newaxis])[0]
        each = estimates(predicted, confidence, actual, seed)
        found.append([estimate.value for estimate in each])
        covered.append(
            [estimate.low <= value <= estimate.high for estimate, value in zip(each, truth, strict=True)]
        )
        truths.append(truth)
    assert np.mean(found, 0) == pytest.approx(np.mean(truths, 0), abs=0.02)
    assert (np.mean(covered, 0) >= 0.88).all()


def test_an_archive_that_was_listened_to_whole_leaves_no_doubt():
    predicted, confidence, actual = archive(0, 50)
    truth = figures(joint_cells(np.eye(7)[actual], predicted).mean(0)[np.newaxis])[0]
    for estimate, value in zip(estimates(predicted, confidence, actual, 0, 50), truth, strict=True):
        assert (estimate.low, estimate.value, estimate.high) == pytest.approx((value, value, value))


def test_all_right_is_not_certain():
    predicted = np.zeros(2_000, int)
    each = estimates(predicted, np.linspace(0, 1, 2_000), predicted, 0, 30)
    assert (each[0].value, each[0].high) == pytest.approx((1, 1))
    assert 0.8 < each[0].low < 0.97


def test_a_stratum_that_nobody_listened_to_counts_with_its_neighbour():
    sample = Sample(np.array([0, 0, 8]), np.array([0] * 10 + [1] * 10 + [8] * 20 + [9] * 60))
    assert sample.weights.tolist() == [0.1, 0.1, 0.8]


def test_agreement_of_listeners():
    # Fleiss 1971's example is kappa 0.43 for 30 patients; this is his formula on Wikipedia's ten subjects
    votes = np.array([
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ])  # fmt: skip
    estimate = agreement(votes, np.full(10, 0.1))
    assert estimate.value == pytest.approx(0.210, abs=5e-4)
    assert estimate.low < 0.21 < estimate.high
