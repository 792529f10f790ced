"""A few seconds of the fuzz run; `python -m tests.fuzz` is the long one."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutations import mutate

ROOT = Path(__file__).resolve().parents[2]


def fuzz(cases):
    command = [sys.executable, "-m", "tests.fuzz", "--cases", str(cases), "--seed", "7"]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout)


@pytest.mark.parametrize("cases", [180, pytest.param(6_000, marks=pytest.mark.slow)])
def test_damaged_files_cost_nobody_else_anything(cases):
    report = fuzz(cases)
    assert (report["damaged"], report["whole"]) == (cases, cases // 3)
    assert report["whole_files_lost"] == []
    assert report["unanswered"] == 0
    assert report["outcomes"]["decode: DecodeError"] > cases / 4
    assert report["largest_worker_mb"] < 400


def test_mutations_follow_their_seed_and_change_something():
    data, others = bytes(range(256)) * 8, [b"other" * 100]
    mutants = [mutate(data, others, random.Random(seed)) for seed in range(200)]
    assert mutants == [mutate(data, others, random.Random(seed)) for seed in range(200)]
    assert len(set(mutants)) > 150
    assert sum(mutant != data for mutant in mutants) > 180
