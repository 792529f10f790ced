import csv

import numpy as np
import pytest
from rich.console import Console

from ser_batch.evaluation.evaluate import Evaluation
from ser_batch.evaluation.several import Evaluations, titles_of

LABELS = ["angry", "neutral", "sad"]


@pytest.fixture
def evaluations():
    def made(predicted, actual):
        return Evaluation(
            LABELS, list(map(str, actual)), np.array(actual), np.eye(3, dtype="f")[predicted], 1.0
        )

    return Evaluations({"one": made([0, 1, 2, 2], [0, 1, 2, 0]), "two": made([1, 1], [1, 2])})


def test_a_row_for_each_corpus_and_their_mean(evaluations):
    one, two, mean = evaluations.rows()
    assert (one["corpus"], one["clips"], one["labels"], one["uar"]) == ("one", 4, 3, pytest.approx(2.5 / 3))
    assert (two["labels"], two["uar"], two["share_neutral"], two["share_sad"]) == (2, 0.5, 1.0, 0.0)
    assert mean["uar"] == pytest.approx((one["uar"] + two["uar"]) / 2)
    assert (mean["corpus"], mean["clips"]) == ("mean", 6)
    assert one["confidence"] == pytest.approx(np.e / (np.e + 2))
    assert one["share_sad"] == 0.5


def test_the_table_is_stored_and_shown(evaluations, tmp_path):
    evaluations.save(tmp_path)
    with (tmp_path / "corpora.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["corpus"] for row in rows] == ["one", "two", "mean"]
    assert rows[1]["uar"] == "0.5000"
    assert (tmp_path / "corpora.png").stat().st_size > 0
    assert (tmp_path / "two" / "predictions.csv").is_file()
    console = Console(width=120, record=True, file=open("/dev/null", "w"))
    console.print(evaluations.render())
    assert "0.833" in console.export_text()


def test_corpora_of_one_name_are_told_apart():
    pairs = [("labels", "/a/emovo/labels.csv"), ("RAVDESS", "/a/r"), ("labels", "/a/tess/labels.csv")]
    assert titles_of(pairs) == ["emovo", "RAVDESS", "tess"]
    assert titles_of([("X", "/a/b/c"), ("X", "/a/b/d")]) == ["b", "b-2"]
