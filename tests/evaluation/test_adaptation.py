import numpy as np
import pytest

from ser_batch.evaluation.adaptation import (
    ABSENT,
    LogitMap,
    choose_penalty,
    cross_validated,
    fit_map,
    nested_cross_validated,
    offsets_for,
)

EQUAL = np.full(6, 1 / 6)


def probabilities(n, seed=0, bias=(2.0, 1.0, 0.0, -1.0, 0.0, 1.0)):
    """Stored probabilities of a model that prefers some classes, and the actual classes, all equally often."""
    random = np.random.default_rng(seed)
    actual = np.arange(n) % 6
    logits = random.normal(0, 1, (n, 6)) + 2 * np.eye(6)[actual] + np.array(bias)
    powers = np.exp(logits)
    return np.round(powers / powers.sum(1, keepdims=True), 4), actual


@pytest.mark.parametrize(
    "expected", [EQUAL, np.array([0.1, 0.0, 0.1, 0.1, 0.6, 0.1])], ids=["equal", "absent"]
)
def test_offsets_give_the_expected_shares(expected):
    p, _ = probabilities(600)
    weights = np.random.default_rng(1).uniform(0.1, 1, 600)
    offsets = offsets_for(p, weights, expected)
    adapted = LogitMap(1.0, offsets).apply(p)
    assert np.average(adapted, axis=0, weights=weights) == pytest.approx(expected, abs=1e-5)
    assert (offsets[expected == 0] == ABSENT).all()
    assert offsets[expected > 0].mean() == pytest.approx(0, abs=1e-5)


def test_offsets_undo_a_preference_of_the_model():
    p, actual = probabilities(3_000)
    adapted = LogitMap(1.0, offsets_for(p, np.ones(len(p)), EQUAL)).apply(p)
    before, after = ((each.argmax(1) == actual).mean() for each in (p, adapted))
    assert before < 0.6 < 0.65 < after


def test_rows_without_a_label_stay_so():
    p, _ = probabilities(6)
    p[2] = 0
    adapted = LogitMap(0.5, np.arange(6.0)).apply(p)
    assert (adapted[2] == 0).all()
    assert adapted[[0, 1, 3, 4, 5]].sum(1) == pytest.approx(1)


def test_a_strong_penalty_changes_nothing_and_a_weak_one_finds_the_offsets():
    p, actual = probabilities(6_000)
    votes = np.eye(6)[actual]
    still = fit_map(p, votes, 1e9)
    assert still.factor == pytest.approx(1, abs=1e-3)
    assert still.offsets == pytest.approx(np.zeros(6), abs=1e-3)
    free = fit_map(p, votes, 1e-6)
    preference = free.offsets / free.factor
    assert preference - preference.mean() == pytest.approx(0.5 - np.array([2.0, 1, 0, -1, 0, 1]), abs=0.25)


def test_cross_validation_holds_items_out():
    p, actual = probabilities(60)
    noise = np.eye(6)[
        np.random.default_rng(0).permutation(actual)
    ]  # labels that mean nothing cannot be learnt
    penalty = choose_penalty(p, noise)
    for adapted in (cross_validated(penalty, p, noise), nested_cross_validated(p, noise)):
        assert (noise[np.arange(60), adapted.argmax(1)]).mean() < 0.35
        assert adapted.sum(1) == pytest.approx(1)


def test_calibration_is_the_same_each_time():
    p, actual = probabilities(40)
    votes = np.eye(6)[actual]
    one, other = (fit_map(p, votes, choose_penalty(p, votes)) for _ in range(2))
    assert one.factor == other.factor
    assert one.offsets.tolist() == other.offsets.tolist()
