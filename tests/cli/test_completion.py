"""Completion in real shells, set up as in docs/annotate.md."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.terminal import Terminal

BIN = os.path.dirname(sys.executable)
INSTALLED = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


@pytest.fixture(autouse=True)
def installed():
    if not os.path.exists(os.path.join(BIN, "ser-batch")):
        pytest.skip("needs ser-batch installed beside this Python, as `pip install -e .` does")


def shell(name):
    return shutil.which(name) or pytest.skip(f"needs {name}: apt-get install {name}")


def test_bash():
    """Asks bash's own machinery, as Tab does."""
    script = """
        eval "$(_SER_BATCH_COMPLETE=bash_source ser-batch)"
        complete -p ser-batch
        compopt() { printf "compopt %s %s\\n" "$@"; }  # works while Tab is pressed alone
        ask() {
            COMP_WORDS=(ser-batch "$@") COMP_CWORD=$#; COMPREPLY=()
            _ser_batch_completion ser-batch; echo "${COMPREPLY[@]}"
        }
        ask ann; ask annotate --dry; ask train --features l; ask annotate --config ""; ask annotate ""
    """
    done = subprocess.run(
        [shell("bash"), "--norc", "-c", script], env=INSTALLED, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "complete -o nosort -F _ser_batch_completion ser-batch",
        "annotate",
        "--dry-run",
        "logmel",
        *("compopt -o default", "") * 2,  # names of files
    ]


@pytest.mark.slow
def test_fish(tmp_path):
    (tmp_path / "a recording.wav").touch()
    script = """
        _SER_BATCH_COMPLETE=fish_source ser-batch | source
        complete -C "ser-batch ann"; complete -C "ser-batch annotate --dry"; complete -C "ser-batch annotate a"
    """
    env = {**INSTALLED, "HOME": str(tmp_path)}
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", script],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert said == ["annotate", "--dry-run", "a recording.wav"], done.stderr


@pytest.mark.slow
def test_zsh(tmp_path):
    (tmp_path / ".zshrc").write_text(
        'autoload -Uz compinit && compinit -u\neval "$(_SER_BATCH_COMPLETE=zsh_source ser-batch)"\nPS1="ready> "\n'
    )
    terminal = Terminal(shell("zsh"), "-i", HOME=str(tmp_path), ZDOTDIR=str(tmp_path), PATH=INSTALLED["PATH"])
    terminal.wait_for("ready> ")
    terminal.type("ser-batch ann\t")
    terminal.wait_for("annotate")
    terminal.type("--dry\t")
    terminal.wait_for("--dry-run")
    terminal.process.kill()
    terminal.end()
