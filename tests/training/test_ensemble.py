import json
from dataclasses import replace

import numpy as np
import pytest

from ser_batch.errors import SerBatchError
from ser_batch.evaluation.terminal_tables import card_tables
from ser_batch.model.runtime import Network
from ser_batch.training.task import Task
from ser_batch.training.train import fit

pytest.importorskip("keras")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def members(table, quick, tmp_path_factory):
    """Two networks trained on the same speakers, at other rates."""
    folder = tmp_path_factory.mktemp("members")
    for name, rate in (("slow", 1e-3), ("quick", 1e-2)):
        options = replace(quick, epochs=1, test_fold="1", learning_rate=rate)
        fit(Task(table, options, quiet=True, command=f"train {name}"), folder / name)
    return [folder / "slow", folder / "quick"]


def test_an_ensemble_answers_the_mean_of_its_members(members, table, quick, tmp_path):
    task = Task(table, replace(quick, test_fold="1"), ensemble=members, quiet=True)
    bundle = fit(task, tmp_path / "both")
    bands = table.log_mel(np.arange(4))
    files = [folder / "model.tflite" for folder in (*members, bundle.path)]
    slow, quicker, both = (np.stack([Network(file)(clip) for clip in bands]) for file in files)
    np.testing.assert_allclose(both, (slow + quicker) / 2, atol=1e-4)
    told = bundle.card["training"]["members"]
    assert [member["command"] for member in told] == ["train slow", "train quick"]
    assert "learning_rate" not in bundle.card["training"]["options"]
    assert card_tables(bundle.card)
    with pytest.raises(SerBatchError, match="is an ensemble: begin with one of its members"):
        fit(Task(table, quick, start=bundle, quiet=True), tmp_path / "next")


def test_a_member_counts_as_often_as_it_is_given(members, table, quick, tmp_path):
    slow, quicker = members
    task = Task(table, replace(quick, test_fold="1"), ensemble=[slow, slow, slow, quicker], quiet=True)
    bundle = fit(task, tmp_path / "mostly-slow")
    bands = table.log_mel(np.arange(4))
    files = [folder / "model.tflite" for folder in (slow, quicker, bundle.path)]
    logits = [np.stack([Network(file)(clip) for clip in bands]) for file in files]
    np.testing.assert_allclose(logits[2], 0.75 * logits[0] + 0.25 * logits[1], atol=1e-4)
    assert bundle.card["parameters"] == 2 * json.loads((slow / "card.json").read_text())["parameters"]


def test_members_that_heard_other_speakers_are_refused(members, table, quick, tmp_path):
    task = Task(table, replace(quick, test_fold="2"), ensemble=members, quiet=True)
    with pytest.raises(SerBatchError, match="no network trained and tested on the same speakers"):
        fit(task, tmp_path / "both")


def test_members_may_not_have_learnt_from_whom_the_ensemble_is_calibrated_on(members, table, quick, tmp_path):
    task = Task(table, replace(quick, test_fold="1", validation=0.5), ensemble=members, quiet=True)
    with pytest.raises(SerBatchError, match="no network trained and tested on the same speakers"):
        fit(task, tmp_path / "half")
    task = Task(table, replace(quick, test_fold="1", validation=0.0), ensemble=members, quiet=True)
    assert fit(task, tmp_path / "none").temperature == 1


def test_an_ensemble_learns_nothing(members, table, quick, tmp_path):
    task = Task(table, quick, ensemble=members, encoder=tmp_path, quiet=True)
    with pytest.raises(SerBatchError, match="trained already"):
        fit(task, tmp_path / "both")
