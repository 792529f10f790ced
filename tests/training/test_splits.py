import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_batch.errors import SerBatchError
from ser_batch.training.splits import speaker_folds, split_speakers

SHARES = {"validation": 0.12, "test": 0.15}
voices = st.lists(st.integers(0, 40).map(str), min_size=1, max_size=200)


def covers_once(parts, n):
    return np.array_equal(np.sum(list(parts.values()), axis=0), np.ones(n))


@given(speakers=voices, seed=st.integers(0, 5), validation=st.floats(0, 0.45), test=st.floats(0, 0.45))
def test_no_speaker_is_in_two_parts_and_no_wanted_part_is_empty(speakers, seed, validation, test):
    shares = {"validation": validation, "test": test}
    wanted = {part for part, share in shares.items() if share > 0} | {"train"}
    if len(set(speakers)) < len(wanted):
        with pytest.raises(SerBatchError, match=f"need at least {len(wanted)}, found {len(set(speakers))}"):
            split_speakers(speakers, shares, seed)
        return
    parts = split_speakers(speakers, shares, seed)
    assert covers_once(parts, len(speakers))
    assert {part for part, mask in parts.items() if mask.any()} == wanted
    whose = [set(np.array(speakers)[mask]) for mask in parts.values()]
    assert sum(map(len, whose)) == len(set(speakers))


def test_the_seed_draws_the_split_and_shares_are_of_speakers():
    speakers = [str(i // 10) for i in range(1000)]
    first, again, other = (split_speakers(speakers, SHARES, seed) for seed in (1, 1, 2))
    assert first["test"].sum() == 150
    assert first["validation"].sum() == 120
    np.testing.assert_array_equal(first["test"], again["test"])
    assert (first["test"] != other["test"]).any()


def test_strata_are_held_in_proportion():
    speakers = [str(i) for i in range(100)]
    sexes = ["female" if i < 40 else "male" for i in range(100)]
    for seed in range(5):
        test = split_speakers(speakers, {"test": 0.2}, seed, sexes)["test"]
        assert 7 <= np.sum(np.array(sexes)[test] == "female") <= 9


def test_shares_must_leave_something_to_train_on():
    with pytest.raises(SerBatchError, match="leave no speakers for training"):
        split_speakers(["a", "b", "c"], {"validation": 0.5, "test": 0.5}, 0)


def test_folds_hold_each_speaker_once():
    speakers = [str(i % 11) for i in range(110)]
    folds = speaker_folds(speakers, 3, 0)
    assert list(folds) == ["1", "2", "3"]
    assert covers_once(folds, 110)
    assert sorted(mask.sum() for mask in folds.values()) == [30, 40, 40]


def test_the_corpus_own_folds_go_first():
    folds = speaker_folds(["a", "b", "c", "a"], 2, 0, folds=["7", "7", "9", "7"])
    assert {name: mask.tolist() for name, mask in folds.items()} == {
        "7": [True, True, False, True],
        "9": [False, False, True, False],
    }


def test_speakers_without_a_fold_are_dealt_to_the_corpus_own_folds():
    speakers = [*"abcdefab"]
    folds = speaker_folds(speakers, 5, 0, folds=["7", "9", "", "", "", "", "7", ""])
    assert list(folds) == ["7", "9"]
    assert covers_once(folds, 8)
    whose = {name: set(np.array(speakers)[mask]) for name, mask in folds.items()}
    assert {len(voices) for voices in whose.values()} == {3}
    assert "a" in whose["7"]
    assert "b" in whose["9"]


def test_folds_that_leak_or_cannot_be_made_are_refused():
    with pytest.raises(SerBatchError, match="a is in the folds 1 and 2"):
        speaker_folds(["a", "a", "b"], 2, 0, folds=["1", "2", "2"])
    with pytest.raises(SerBatchError, match="5 folds of 2 speakers"):
        speaker_folds(["a", "b"], 5, 0)
    with pytest.raises(SerBatchError, match="one fold only"):
        speaker_folds(["a", "b"], 2, 0, folds=["1", "1"])
