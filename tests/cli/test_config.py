import json

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.cli import main
from ser_batch.cli.config import configurable
from tests.running import annotate, rows


@click.command()
@click.option("-t", "--text", default="default")
@click.option("--number", type=float, default=1.5)
@click.option("--count", type=click.IntRange(min=0))
@click.option("--word", multiple=True)
@click.option("--on/--off", default=None)
@click.option("--switch", is_flag=True)
@click.option("--restart", is_flag=True)
@configurable
def command(**options):
    """Print the options."""
    click.echo(json.dumps(options))


def given_options(*arguments):
    done = CliRunner().invoke(command, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


DEFAULTS = {
    "text": "default",
    "number": 1.5,
    "count": None,
    "word": [],
    "on": None,
    "switch": False,
    "restart": False,
}


@pytest.fixture
def config(tmp_path):
    def write(text):
        (tmp_path / "a config.toml").write_text(text, encoding="utf-8")
        return tmp_path / "a config.toml"

    return write


def test_a_file_sets_options_and_the_command_line_goes_before(config):
    path = config('text = "é"\nnumber = 2\nword = ["a", "b"]\non = false\nswitch = true\n')
    expected = {**DEFAULTS, "text": "é", "number": 2.0, "word": ["a", "b"], "on": False, "switch": True}
    assert given_options("--config", path) == expected
    asked = ("-t", "x", "--config", path, "--word", "c", "--on")
    assert given_options(*asked) == {**expected, "text": "x", "word": ["c"], "on": True}


def test_a_list_of_one_needs_no_brackets(config):
    assert given_options("--config", config('word = "abc"'))["word"] == ["abc"]


@pytest.mark.parametrize(("text", "said"), [
    ("numbr = 1", "there is no option numbr; did you mean number?"),
    ("zzz = 1", "there is no option zzz\n"),
    ("[section]\nnumber = 1", "there is no option section"),
    ('number = "much"', "number: 'much' is not a valid float"),
    ("count = -1", "count: -1 is not in the range"),
    ("count = true", "count: wrong type: give a value"),
    ('switch = "yes"', "switch: wrong type: give true or false"),
    ("restart = true", "restart works on the command line alone"),
    ("number 1", "line 1"),
    ('text = "\udcff"', "utf-8"),
])  # fmt: skip
def test_what_is_wrong_in_a_file_is_said(tmp_path, text, said):
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    done = CliRunner().invoke(command, ["--config", str(path)])
    assert done.exit_code == 2
    assert f"{path}: " in done.output
    assert said in done.output


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t\x00")),
            "number": st.floats(allow_nan=False),
            "count": st.integers(0),
            "word": st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1),
            "on": st.booleans(),
            "switch": st.just(True),
        },
    )
)
def test_what_is_saved_is_read_again(tmp_path_factory, options):
    path = tmp_path_factory.mktemp("saved") / "config.toml"
    arguments = []
    for name, value in options.items():
        if name in {"on", "switch"}:
            arguments += ["--off" if value is False else f"--{name}"]
        else:
            arguments += [f"--{name}={each}" for each in (value if isinstance(value, list) else [value])]
    first = given_options(*arguments, "--restart", "--save-config", path)
    assert given_options("--config", path) == {**first, "restart": False}
    assert "restart" not in path.read_text(encoding="utf-8")
    assert len(path.read_text(encoding="utf-8").split("\n")) == len(options) + 2


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    done = CliRunner().invoke(command, ["--save-config", str(tmp_path / "nowhere" / "config.toml")])
    assert done.exit_code == 1
    assert "cannot be written" in done.output


def test_annotate_does_what_a_file_says_and_saves_it(samples, tmp_path, config):
    path = config(f'output = "{tmp_path / "out"}"\nformat = ["csv", "json"]\nhop = 3\ndenoise = false\n')
    saved = tmp_path / "saved.toml"
    done = annotate(samples / "diary", "--config", path, "--absolute", "--save-config", saved)
    assert done.returncode == 0, done.stderr
    options = json.loads((tmp_path / "out" / "run.json").read_text())["options"]
    assert (options["hop"], options["denoise"], options["formats"]) == (3.0, "off", ["csv", "json"])
    assert rows(tmp_path / "out" / "files.csv")[0]["file"] == str(samples / "diary" / "evening.aiff")
    assert saved.read_text().split("\n")[1:] == [
        f'output = "{tmp_path / "out"}"',
        'format = ["csv", "json"]',
        "hop = 3.0",
        "denoise = false",
        "absolute = true",
        "",
    ]


@pytest.mark.parametrize("name", ["annotate", "train"])
def test_commands_that_take_a_file(name):
    assert "--save-config" in CliRunner().invoke(main, [name, "-h"]).output


def test_train_takes_its_required_output_from_a_file(config, tmp_path):
    path = config(f'output = "{tmp_path / "model"}"\nset = ["epochs=3"]\n')
    done = CliRunner().invoke(main, ["train", str(tmp_path / "nowhere"), "--config", str(path)])
    assert done.exit_code == 1, done.output  # of the corpus that is not there, not of usage
    assert "nowhere" in done.output
