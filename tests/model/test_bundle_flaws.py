"""Damaged bundles: each gives a message, never a traceback or a wrong label."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import load_bundle
from ser_batch.model.runtime import Network


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(load_bundle("crema-d").path, tmp_path / "copy")


def edit(folder, **entries):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **entries}))


def replace_network(folder, content):
    """Not by accident: with the digest to match."""
    (folder / "model.tflite").write_bytes(content)
    edit(folder, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "card", ["", "{", "[]", "null", "7", "\xff\xfe", "[" * 100_000, '{"schema_version": 2}'], ids=range(8)
)
def test_a_card_that_is_none(copy, card):
    (copy / "card.json").write_text(card, encoding="latin-1")
    with pytest.raises(SerBatchError, match=r"copy(/card\.json)?: (cannot be read|not a card|no valid)"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("labels", "angry"), ("labels", []), ("labels", ["angry"]), ("labels", ["angry", "angry"]),
        ("labels", ["angry", 3]), ("labels", {"angry": 1}), ("temperature", "1"), ("temperature", 0),
        ("temperature", -1.5), ("temperature", float("nan")), ("temperature", float("inf")), ("temperature", None),
        ("denoise", "magic"), ("denoise", None), ("name", 5), ("sha256", None),
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_named(copy, entry, value):
    edit(copy, **{entry: value})
    with pytest.raises(SerBatchError, match=f"no valid {entry}"):
        load_bundle(copy)


def test_an_altered_network_is_refused_by_the_command(copy, samples, tmp_path):
    content = bytearray((copy / "model.tflite").read_bytes())
    content[-1_000] ^= 1
    (copy / "model.tflite").write_bytes(content)
    command = [
        sys.executable,
        "-m",
        "ser_batch",
        "annotate",
        samples / "diary",
        "-m",
        copy,
        "-o",
        tmp_path / "out",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "SHA-256 differs" in done.stderr
    assert not os.path.exists(tmp_path / "out" / "files.csv")


@pytest.mark.parametrize(
    "content", [b"", b"no network", b"\x1c\0\0\0TFL3" + bytes(1_000)], ids=["empty", "text", "cut"]
)
def test_a_network_that_is_none(copy, content):
    replace_network(copy, content)
    bundle = load_bundle(copy)
    with pytest.raises(SerBatchError, match=r"model\.tflite: not a network"):
        Network(bundle.network_path)


def test_a_network_with_other_labels_than_its_card(copy):
    bundle = load_bundle(copy)
    assert Network(bundle.network_path, len(bundle.labels))
    with pytest.raises(SerBatchError, match="does not fit its card"):
        Network(bundle.network_path, len(bundle.labels) + 1)
