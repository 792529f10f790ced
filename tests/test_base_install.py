"""The base install has only the packages that `annotate` needs."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata, util

import pytest
from packaging.requirements import Requirement

from ser_batch.cli import COMMANDS
from ser_batch.extras import EXTRAS
from tests.running import ROOT, rows

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]


def names(requirements):
    """Names of the packages that requirements ask for here, and of those that these require."""
    wanted = list(map(Requirement, requirements))
    found = set()
    while wanted:
        requirement = wanted.pop()
        if requirement.name == "ser-batch":
            wanted += [Requirement(each) for extra in requirement.extras for each in OPTIONAL[extra]]
        elif requirement.name not in found and (not requirement.marker or requirement.marker.evaluate()):
            found.add(requirement.name)
            wanted += map(Requirement, metadata.requires(requirement.name) or [])
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs `ser-batch` with the packages of the base install alone."""
    site = tmp_path_factory.mktemp("base-install")
    for name in names(PROJECT["dependencies"]):
        files = metadata.files(name)
        for entry in {file.parts[0] for file in files if not file.parts[0].startswith("..")}:
            place = files[0].locate().parents[len(files[0].parts) - 1] / entry
            if place.name != "__pycache__" and not (site / entry).exists():
                (site / entry).symlink_to(place)

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-S", "-m", "ser_batch", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])},
            capture_output=True,
            text=True,
        )

    return command


def test_annotate_works(run, samples, tmp_path):
    done = run("annotate", samples / "diary", "-o", tmp_path, "-f", "csv", "-f", "elan", "--report")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(tmp_path / "files.csv")] == ["ok", "ok"]
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command):
    assert run(command, "--help").returncode == 0


def test_models_are_shown(run):
    assert "crema-d-large" in run("models").stdout


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["train", "{tmp}", "-o", "{tmp}/model"], "train"),
        (["explore", "{tmp}", "-o", "{tmp}/page"], "explore"),
        (["evaluate", "{tmp}", "-o", "{tmp}/figures"], "explore"),
        (["features", "{samples}", "--denoise", "noisereduce", "-o", "{tmp}/a.npz"], "noisereduce"),
        (["annotate", "{samples}", "--denoise-engine", "noisereduce", "-o", "{tmp}/out"], "noisereduce"),
        (["annotate", "{samples}", "--ray", "-o", "{tmp}/out"], "ray"),
        (["annotate", "{samples}", "-f", "parquet", "-o", "{tmp}/out"], "parquet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_missing_packages_are_named_before_any_work(run, samples, tmp_path, arguments, extra):
    done = run(*(argument.format(tmp=tmp_path, samples=samples) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"pip install 'ser-batch[{extra}]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_is_checked(extra):
    assert set(EXTRAS[extra]) <= names(OPTIONAL[extra])
    assert all(util.find_spec(package) for package in EXTRAS[extra])
