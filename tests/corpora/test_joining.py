import csv
from dataclasses import replace

import numpy as np
import pytest

import ser_batch
from ser_batch.corpora.joining import join
from ser_batch.corpora.mapping import SIX
from ser_batch.errors import SerBatchError
from ser_batch.training.options import HoldOut
from ser_batch.training.splits import folds_of, split


@pytest.fixture
def studio(make_table):
    """Four speakers, with votes and folds."""
    table = make_table(2, ("ada", "bob", "cyd", "dan"))
    votes = {f"vote_{label}": ["3"] * len(table) for label in ("angry", "neutral", "calm")}
    return replace(table, corpus="studio", attributes=table.attributes | votes)


@pytest.fixture
def stage(make_table):
    """Six speakers who are called like others elsewhere; calm where the studio has sad; no folds, no votes."""
    table = make_table(2, seed=1)
    labels = ["calm" if label == "sad" else label for label in table.labels]
    return replace(table, corpus="stage", labels=labels, attributes={"sex": table.attributes["sex"]})


def test_one_corpus_stays_as_it_is(stage):
    table, notes = join([stage], {}, only_shared=True)
    assert table is stage
    assert notes == []


def test_clips_and_speakers_stay_apart_and_attributes_are_joined(studio, stage):
    table, notes = join([studio, stage], {}, only_shared=False)
    assert notes == []
    assert (len(table), table.corpus) == (len(studio) + len(stage), "studio + stage")
    assert len(set(table.names)) == len(table)
    assert len(set(table.speakers)) == 4 + 6
    assert table.names[0] == "studio/ada/000"
    np.testing.assert_array_equal(table.levels[len(studio) :], stage.levels)
    assert table.attributes["fold"][-1] == "" == table.attributes["vote_angry"][-1]
    assert set(table.where("corpus", "stage").labels) == {"angry", "neutral", "calm"}


def test_two_folders_of_one_corpus_share_its_speakers(studio):
    table, _ = join([studio, studio], {}, only_shared=True)
    assert len(set(table.names)) == len(table) == 2 * len(studio)
    assert set(table.speakers) == set(studio.speakers)
    assert table.corpus == "studio"


def test_labels_that_one_corpus_alone_has_are_left_out_and_said_so(studio, stage):
    table, notes = join([studio, stage], {}, only_shared=True)
    assert set(table.labels) == {"angry", "neutral"}
    assert notes == [
        "studio: 8 clips of sad left out: no other corpus has it",
        "stage: 12 clips of calm left out: no other corpus has it",
    ]


def test_a_mapping_renames_labels_and_their_votes_and_leaves_out(studio, stage):
    table, notes = join([studio, stage], {"calm": "neutral", "angry": ""}, only_shared=False)
    assert set(table.labels) == {"neutral", "sad"}
    assert sorted(notes) == [
        "stage: 12 clips calm → neutral",
        "stage: 12 clips of angry left out, as the mapping says",
        "studio: 8 clips of angry left out, as the mapping says",
    ]
    votes = {name for name in table.attributes if name.startswith("vote_")}
    assert votes == {"vote_neutral"}
    assert table.where("corpus", "studio").attributes["vote_neutral"] == ["6"] * 16


def test_a_label_that_the_mapping_names_is_kept_though_one_corpus_alone_has_it(studio, stage):
    table, _ = join([studio, stage], {"sad": "sad"}, only_shared=True)
    assert set(table.labels) == {"angry", "neutral", "sad"}


def test_nothing_left_and_unlike_corpora_are_refused(studio, stage):
    with pytest.raises(SerBatchError, match=r"no clip is left \(studio: 8 clips of angry left out"):
        join([studio], dict.fromkeys(studio.labels, ""), only_shared=True)
    with pytest.raises(SerBatchError, match=r"different noise reduction \(studio off, stage gate\)"):
        join([studio, replace(stage, denoise="gate")], {}, only_shared=False)


def test_audio_is_known_where_all_corpora_have_it(studio, stage):
    heard = [replace(table, paths=[f"{name}.wav" for name in table.names]) for table in (studio, stage)]
    assert join(heard, {}, only_shared=False)[0].paths == heard[0].paths + heard[1].paths
    assert join([heard[0], stage], {}, only_shared=False)[0].paths == []


def test_every_part_holds_speakers_of_every_corpus(studio, stage):
    table, _ = join([studio, stage], {}, only_shared=False)
    for seed in range(5):
        parts = split(table, HoldOut(validation=0.3, test=0.3), seed)
        assert all(
            {*table.select(mask).attributes["corpus"]} == {"studio", "stage"} for mask in parts.values()
        )
    folds = folds_of(table, HoldOut(), seed=0)
    assert list(folds) == ["1", "2"]
    assert all(len(set(table.select(mask).speakers)) == 5 for mask in folds.values())


@pytest.mark.slow
def test_a_training_on_two_tables_is_evaluated_under_the_same_labels(studio, stage, tmp_path, capsys):
    for table in (studio, stage):
        table.save(tmp_path / f"{table.corpus}.npz")
    corpora = [tmp_path / "studio.npz", tmp_path / "stage.npz"]
    settings = {
        "cnn.widths": [8],
        "cnn.stem": 8,
        "batch_size": 6,
        "mixed_precision": False,
        "weights": "float32",
    }
    labels = tmp_path / "labels.csv"
    labels.write_text("from,to\ncalm,sad\n")
    bundle = ser_batch.train(
        corpora, tmp_path / "model", labels=labels, progress=True, settings=settings, epochs=1
    )
    assert "stage: 12 clips calm → sad" in capsys.readouterr().err
    assert bundle.labels == ["angry", "neutral", "sad"]
    assert bundle.card["training"]["corpus"] == "studio + stage"
    assert bundle.card["training"]["mapping"] == {"calm": "sad"}

    alone = ser_batch.evaluate(corpora[1], bundle.path, tmp_path / "figures")
    assert alone.notes[0] == "stage: 12 clips calm → sad"
    assert "took part in the training" in alone.notes[1]
    assert len(alone.names) == len(stage)
    with (tmp_path / "figures" / "predictions.csv").open() as file:
        assert "calm" not in {row["actual"] for row in csv.DictReader(file)}
    other = ser_batch.evaluate(corpora[1], bundle.path, labels=SIX)
    assert other.notes[0] == "stage: 12 clips calm → neutral"
