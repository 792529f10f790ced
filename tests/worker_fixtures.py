"""Fixtures: settings of a worker, and files that make a worker fail."""

import shutil

import pytest

from ser_batch.engine.job import Settings
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import load_bundle
from tests.running import FAULTS


@pytest.fixture(scope="session")
def settings():
    return Settings(str(load_bundle("crema-d").path), 3.0, 1.5, "gate")


@pytest.fixture
def faulty(samples, tmp_path, monkeypatch):
    """Makes a good file that does something to its worker, by the first word of its name: see tests/faults."""
    monkeypatch.setenv("PYTHONPATH", FAULTS["PYTHONPATH"])

    def make(name, original="meeting/introduction.flac"):
        shutil.copy(samples / original, tmp_path / name)
        return Source(str(tmp_path / name), 0, 0)

    return make
