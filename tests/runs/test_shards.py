"""Shards: parsing, division of files, layout of the output folder."""

import itertools
import json
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ser_batch.errors import SerBatchError, UsageError
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.plan import Plan
from ser_batch.runs.shards import Shard, existing_shards, parse_shard

SLURM = {"SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "9", "SLURM_ARRAY_TASK_STEP": "1"}


@pytest.mark.parametrize(("text", "environment", "shard"), [
    ("3/16", {}, (3, 16)),
    ("1/1", {"SLURM_ARRAY_TASK_ID": "7"}, (1, 1)),
    ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "10"}, (1, 10)),
    ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "10"}, (10, 10)),
    ("auto", {**SLURM, "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "10", "SLURM_ARRAY_TASK_ID": "7",
              "SLURM_ARRAY_TASK_STEP": "3", "SLURM_ARRAY_TASK_COUNT": "4"}, (3, 4)),
    ("auto/100", {**SLURM, "SLURM_ARRAY_TASK_ID": "8"}, (8, 100)),
    ("auto", {"SGE_TASK_ID": "5", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "9", "SGE_TASK_STEPSIZE": "2"}, (3, 5)),
    ("auto", {"LSB_JOBINDEX": "4", "LSB_JOBINDEX_END": "12", "LSB_JOBINDEX_STEP": "1"}, (4, 12)),
    ("auto/8", {"PBS_ARRAY_INDEX": "8"}, (8, 8)),
    ("auto/8", {"PBS_ARRAYID": "1"}, (1, 8)),
    ("auto/8", {"JOB_COMPLETION_INDEX": "0"}, (1, 8)),
    ("auto/8", {"SGE_TASK_ID": "undefined", "JOB_COMPLETION_INDEX": "7"}, (8, 8)),
])  # fmt: skip
def test_valid_shards(text, environment, shard):
    assert parse_shard(text, environment) == Shard(*shard)


@pytest.mark.parametrize(("text", "environment", "said"), [
    ("x", {}, "give I/N"),
    ("3", {}, "give I/N"),
    ("1/2/3", {}, "give I/N"),
    ("-1/2", {}, "give I/N"),
    ("٣/٤", {}, "give I/N"),
    ("0/0", {}, "count them from 1/N"),
    ("0/2", {}, "count them from 1/N"),
    ("3/2", {}, "no shard 3/2"),
    ("auto", {}, "not in a job array"),
    ("auto", {"SGE_TASK_ID": "undefined"}, "not in a job array"),
    ("auto", {"PBS_ARRAY_INDEX": "3"}, "give --shard auto/N"),
    ("auto/2", {"PBS_ARRAY_INDEX": "3"}, "no shard 3/2"),
    ("auto/10", {"SLURM_ARRAY_TASK_ID": "0"}, "no shard 0/10"),
    ("auto", {**SLURM, "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "3"}, "gaps"),
])  # fmt: skip
def test_invalid_shards(text, environment, said):
    with pytest.raises(UsageError, match=said):
        parse_shard(text, environment)


@given(st.lists(st.text()), st.integers(1, 50))
def test_each_name_is_in_one_shard(names, count):
    for name in names:
        assert sum(Shard(i, count).holds(name) for i in range(1, count + 1)) == 1


def test_shards_have_equal_size_and_a_fixed_hash():
    names = [f"speaker {k // 100}/utterance {k:05}.wav" for k in range(12_000)]
    for i in range(1, 13):
        assert 850 < sum(Shard(i, 12).holds(name) for name in names) < 1_150
    # a journal on disk relies on it
    names = ("a.wav", "b/é.wav", "b/\udcff.wav", "c d.flac", ".")
    assert [next(i for i in range(1, 8) if Shard(i, 7).holds(name)) for name in names] == [7, 7, 4, 3, 7]


def held(folder, count):
    plans = (Plan([str(folder)], holds=Shard(i, count).holds) for i in range(1, count + 1))
    return [[plan.name(source.path) for source in plan.pending()] for plan in plans]


@hypothesis_settings(max_examples=10, deadline=None)
@given(count=st.integers(1, 9))
def test_shards_do_not_depend_on_the_mount_or_on_new_files(tmp_path_factory, count):
    here = tmp_path_factory.mktemp("here")
    for k in range(30):
        (here / f"{k % 3}").mkdir(exist_ok=True)
        (here / f"{k % 3}" / f"{k}.wav").touch()
    before = held(here, count)
    assert sorted(itertools.chain(*before)) == [
        Plan([str(here)]).name(s.path) for s in Plan([str(here)]).pending()
    ]
    elsewhere = tmp_path_factory.mktemp("else") / "where"
    shutil.copytree(here, elsewhere)
    assert held(elsewhere, count) == before
    for k in range(30, 40):
        (here / f"{k}.wav").touch()
    assert all(set(old) <= set(new) for old, new in zip(before, held(here, count), strict=True))


def test_an_input_that_cannot_be_found_fails_in_one_shard(tmp_path):
    (tmp_path / "a.wav").touch()
    os.symlink("nowhere", tmp_path / "b.wav")
    paths = [str(tmp_path), str(tmp_path / "c.wav")]
    plans = [Plan(paths, holds=Shard(i, 4).holds) for i in range(1, 5)]
    assert [plan.n_found for plan in plans] == [3] * 4
    assert sum(plan.n_failed for plan in plans) == 2
    assert sum(len(plan) for plan in plans) == 3


def test_an_output_folder_takes_shards_of_one_count(tmp_path):
    place = OutputFolder(tmp_path, Shard(3, 4))
    place.create()
    place.journal.touch()
    (tmp_path / ".journal" / "shard-x-of-4.journal").touch()
    assert existing_shards(tmp_path) == [Shard(3, 4)]
    OutputFolder(tmp_path, Shard(1, 4)).create()
    OutputFolder(tmp_path).create()
    with pytest.raises(SerBatchError, match=r"holds shard 3/4, and this is shard 1/1: .*auto/4"):
        OutputFolder(tmp_path, Shard(1, 1)).create()


def test_runs_and_shards_have_separate_files(tmp_path):
    places = [OutputFolder(tmp_path), *(OutputFolder(tmp_path, Shard(i, 2)) for i in (1, 2))]
    paths = [path for place in places for path in (place.tables, place.journal, place.lock)]
    assert len(set(paths)) == 9
    assert {path.parent for path in paths if path != tmp_path} == {tmp_path / ".journal", tmp_path / "shards"}


def test_the_index_lists_what_is_in_the_shard(tmp_path):
    (tmp_path / "in").mkdir()
    os.symlink("nowhere", tmp_path / "in" / "b\udcff.wav")
    place = OutputFolder(tmp_path / "out", Shard(1, 1))
    place.create()
    place.finish(Plan([str(tmp_path / "in")]))
    [line] = place.index.read_text().splitlines()
    assert json.loads(line)["file"] == "b\udcff.wav"
    place.begin()
    assert not place.index.exists()
