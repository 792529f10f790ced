import re
import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ser_batch.cli import COMMANDS, main
from tests.running import ROOT

GROUP = click.Context(main, info_name="ser-batch")


def test_the_reference_is_fresh():
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "make_cli.py"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "cli.md").read_text() == made.stdout, (
        "run `python docs/make_cli.py > docs/cli.md`"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name):
    command = main.get_command(GROUP, name)
    assert command.help
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, f"{name} {param.opts}"
            assert param.help.endswith("."), f"{name} {param.opts}: {param.help}"
        else:
            for word in re.findall("[A-Z]+", param.human_readable_name):
                assert word in command.help, f"{name}: {word}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_one_example_that_parses(name):
    command = main.get_command(GROUP, name)
    shown = CliRunner().invoke(main, [name, "--help"]).output
    assert shown.count("Example") == 1
    program, called, *arguments = shlex.split(command.epilog.removeprefix("Example: "))
    assert (program, called) == ("ser-batch", name)
    command.make_parser(click.Context(command)).parse_args(arguments)  # raises on unknown options


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_everywhere(name, flag):
    shown = CliRunner().invoke(main, [name, flag])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: main {name} ")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["anotate"], "annotate"),
        (["annotate", "--wndow", "2"], "--window"),
        (["train", "--epoch"], "--epochs"),
    ],
)
def test_mistyped_names_are_put_right(arguments, near):
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 2
    assert near in refused.output.partition("Error: ")[2]
