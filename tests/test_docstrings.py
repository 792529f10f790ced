"""The examples in docstrings of the Python API give the results that they show."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import ser_batch.api
from tests.running import ROOT

MODULES = [module.name for module in pkgutil.iter_modules(ser_batch.api.__path__, "ser_batch.api.")]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(import_module(module)).failed == 0


def test_there_are_examples():
    for function in (ser_batch.annotate, ser_batch.Annotator, ser_batch.load_model):
        assert doctest.DocTestFinder().find(function)[0].examples
