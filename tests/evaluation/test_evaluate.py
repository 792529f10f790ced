import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from ser_batch.corpora.joining import join
from ser_batch.errors import SerBatchError
from ser_batch.evaluation import terminal_tables
from ser_batch.evaluation.evaluate import Evaluation, evaluate, evaluate_bundle, held_out_clips
from ser_batch.model.runtime import Network

LABELS = ["angry", "neutral", "sad"]


@pytest.fixture
def evaluation():
    logits = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 1, 0]], np.float32)
    return Evaluation(
        LABELS,
        ["a", "b", "c", "d"],
        np.array([0, 1, 2, 1]),
        logits,
        2.0,
        {
            "sex": ["female", "female", "male", "male"],
            "age": ["21", "29", "30", ""],
            "vote_sad": [*"0101"],
            "one": ["x"] * 4,
        },
        speakers=["ada", "ada", "bob", "cyd"],
    )


def shown(*renderables):
    console = Console(width=120, record=True, file=open("/dev/null", "w"))
    console.print(*renderables)
    return console.export_text()


def test_figures(evaluation):
    summary = evaluation.summary()
    assert summary["accuracy"] == 0.75
    assert summary["uar"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert summary["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert summary["per_class"]["neutral"] == {
        "clips": 2,
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
    }
    assert summary["ece"] != summary["ece_uncalibrated"]
    assert json.loads(json.dumps(summary)) == summary


def test_groups_leave_votes_and_constants_out(evaluation):
    groups = evaluation.groups()
    assert list(groups) == ["sex", "age"]
    assert groups["sex"]["female"] == {"clips": 2, "speakers": 1, "uar": 1.0, "accuracy": 1.0}
    assert (groups["sex"]["male"]["accuracy"], groups["sex"]["male"]["speakers"]) == (0.5, 2)
    assert {age: row["clips"] for age, row in groups["age"].items()} == {"20–29": 2, "30–39": 1}


def test_files(evaluation, tmp_path):
    evaluation.save(tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "metrics.json",
        "predictions.csv",
        "confusion.csv",
        "confusion.png",
        "reliability.png",
    }
    with (tmp_path / "out" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[3] | {"p_angry": "", "p_neutral": "", "p_sad": ""} == {
        "file": "d",
        "actual": "neutral",
        "predicted": "angry",
        "p_angry": "",
        "p_neutral": "",
        "p_sad": "",
    }
    shares = [float(rows[3][f"p_{label}"]) for label in LABELS]
    np.testing.assert_allclose(shares, np.exp([1, 0.5, 0]) / np.exp([1, 0.5, 0]).sum(), atol=1e-4)
    text = (tmp_path / "out" / "confusion.csv").read_text()
    assert text.splitlines() == ["actual,angry,neutral,sad", "angry,1,0,0", "neutral,1,1,0", "sad,0,0,1"]
    for picture in ("confusion.png", "reliability.png"):
        assert (tmp_path / "out" / picture).read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_written_is_named(evaluation, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SerBatchError, match="cannot be written"):
        evaluation.save(tmp_path / "file" / "out")


def test_text(evaluation):
    text = shown(evaluation.render())
    assert "4 clips: UAR 0.833, accuracy 0.750" in text
    assert "actual" in text
    assert "female" in text


def test_labels_that_the_model_does_not_know_are_left_out_and_said_so(bundle, make_table):
    table = make_table(2, speakers=("gus",))
    table.labels = ["surprised" if label == "sad" else label for label in table.labels]
    evaluation = evaluate(Network(bundle.network_path), table, bundle.labels, 1.0)
    assert len(evaluation.names) == 4
    assert evaluation.notes == (
        "2 clips left out: the model does not know surprised.",
        "The corpus has no sad; predicting it counts as an error.",
    )
    assert list(evaluation.summary()["per_class"]) == ["angry", "neutral"]
    table.labels = ["surprised"] * 6
    with pytest.raises(SerBatchError, match="none of the model's labels"):
        evaluate(Network(bundle.network_path), table, bundle.labels, 1.0)


def test_a_test_of_known_voices_is_called_one(bundle, table):
    fair = table.select(np.isin(table.speakers, bundle.card["training"]["speakers"]["test"]))
    evaluation = evaluate_bundle(bundle, fair)
    assert evaluation.notes == ()
    assert evaluation.summary()["uar"] == bundle.card["evaluation"]["uar"]
    assert "5 of the 6 speakers took part" in evaluate_bundle(bundle, table).notes[0]
    fair.denoise = "gate"
    assert "the model was trained with off" in evaluate_bundle(bundle, fair).notes[0]


def test_the_speakers_whom_a_training_held_out_are_found_again(bundle, table, make_table):
    fair = held_out_clips(bundle, table)
    assert set(fair.speakers) == set(bundle.card["training"]["speakers"]["test"])
    joined, _ = join([table, replace(table, corpus="other")], {}, only_shared=False)
    assert {*held_out_clips(bundle, joined).speakers} == {f"toy/{speaker}" for speaker in fair.speakers}
    with pytest.raises(SerBatchError, match="held out no speaker of toy"):
        held_out_clips(bundle, make_table(1, ("gus",)))


def test_figures_under_noise_are_shown(evaluation):
    noisy = {"white": {"10": evaluation.figures() | {"uar": 0.123}}}
    text = shown(replace(evaluation, under_noise=noisy).render())
    assert "10 dB" in text
    assert "0.123" in text
    assert "10 dB" not in shown(evaluation.render())


def test_a_card_is_shown_in_full(bundle):
    text = shown(*terminal_tables.card_tables(bundle.card))
    for part in ("ser-batch train toy.npz", bundle.sha256, "not in training", "Not for decisions"):
        assert part in text
    assert "toy" in shown(terminal_tables.bundles_table([bundle.card]))
