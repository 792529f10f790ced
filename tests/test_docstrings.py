"""The examples in the documentation of the Python API do what they show."""

import doctest
import pkgutil
import re
import shutil
from importlib import import_module

import pytest

import ser_batch.api
from tests.running import ROOT

MODULES = [module.name for module in pkgutil.iter_modules(ser_batch.api.__path__, "ser_batch.api.")]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(import_module(module)).failed == 0


def test_there_are_examples():
    for function in (ser_batch.annotate, ser_batch.Annotator, ser_batch.load_model):
        assert doctest.DocTestFinder().find(function)[0].examples


def test_the_recipes_run(samples, tmp_path, monkeypatch):
    shutil.copytree(samples, tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names = {"__name__": "recipes"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        exec(compile("\n" * line + block[1], "docs/python.md", "exec"), names)
    assert {"emotions", "shares", "db", "calls"} <= names.keys()
