"""Displays of `annotate` in a real terminal."""

import os
import re
import shutil
import time
from contextlib import suppress

import pytest
from click.testing import CliRunner

from ser_batch.cli import main
from tests.running import FAULTS, SER_BATCH, annotate, journal_lines, wait_until
from tests.terminal import Terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
CURSOR = "\x1b[?25h"  # shown again


@pytest.fixture
def slow(samples, tmp_path):
    """A short file, then one that takes as long as SLOW_SECONDS says, three times."""
    folder = tmp_path / "an [archive]"
    folder.mkdir()
    shutil.copy(samples / "meeting" / "QUESTION.WAV", folder / "0.wav")
    shutil.copy(samples / "diary" / "pause.wav", folder / "slow-1.wav")
    return folder


def in_terminal(*arguments, **options):
    return Terminal(*SER_BATCH, "annotate", *arguments, **options)


def test_a_bar_while_it_works_and_colours_in_the_summary(slow, tmp_path):
    terminal = in_terminal(slow, "-o", tmp_path / "[out]", "-j", 1, PYTHONPATH=FAULTS["PYTHONPATH"])
    terminal.wait_for("looking for files")
    terminal.wait_for(" left, 2 s of ")  # of audio: seconds, not files
    terminal.wait_for("1/2 files")
    assert terminal.end() == 0
    assert COLOUR.search(terminal.shown)
    assert re.search(r"50%\S* +\S*\x1b\[36m━━", terminal.shown)
    assert terminal.shown.rstrip().removesuffix("\x1b[0m").endswith(f"tables in {tmp_path / '[out]'}")
    assert CURSOR in terminal.shown


@pytest.mark.slow
def test_no_color_has_a_bar_and_no_colours(slow, tmp_path):
    fault = FAULTS["PYTHONPATH"]
    terminal = in_terminal(slow, "-o", tmp_path / "out", "-j", 1, NO_COLOR="1", PYTHONPATH=fault, columns=50)
    terminal.wait_for(" left")
    assert terminal.end() == 0
    assert not COLOUR.search(terminal.shown)
    assert terminal.shown.count("\x1b[1A") == 1  # up, to take the bar away: in a narrow terminal, too


def test_a_dumb_terminal_gets_plain_lines(slow, tmp_path):
    terminal = in_terminal(slow, slow / "nowhere.wav", "-o", tmp_path / "out", "-v", TERM="dumb")
    assert terminal.end() == 3
    assert "\x1b" not in terminal.shown
    assert "nowhere.wav: find: no such file" in terminal.shown
    assert "\n0.wav: " in terminal.shown


def test_ctrl_c_says_what_it_does_and_twice_stops_at_once(slow, tmp_path):
    out = tmp_path / "out"
    terminal = in_terminal(
        slow, "-o", out, "-j", 1, "--restart", PYTHONPATH=FAULTS["PYTHONPATH"], SLOW_SECONDS="60"
    )
    wait_until(lambda: journal_lines(out) == 1)
    terminal.type("\x03")
    terminal.wait_for("Ctrl-C again stops at once")
    terminal.type("\x03")
    began = time.monotonic()
    assert terminal.end() == 130
    assert time.monotonic() - began < 3
    assert "Finished files are kept. To resume, run the same command again:" in terminal.shown
    assert f"ser-batch annotate '{slow}' -o {out} -j 1\r\n" in terminal.shown
    assert terminal.shown.index("To resume") > terminal.shown.rindex(CURSOR)


def opened_by(pid):
    """Names of the files that a process has open."""
    found = set()
    for link in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # it has just been closed
            found.add(os.path.basename(os.readlink(link)))
    return found


def test_ctrl_c_ends_the_other_commands_without_a_traceback(tmp_path):
    os.mkfifo(tmp_path / "corpus.csv")
    written = os.open(tmp_path / "corpus.csv", os.O_RDWR)  # but nothing is: reading waits
    terminal = Terminal(*SER_BATCH, "features", tmp_path / "corpus.csv", "-o", tmp_path / "table.npz")
    wait_until(lambda: "corpus.csv" in opened_by(terminal.process.pid))
    terminal.type("\x03")
    assert terminal.end() == 130
    assert terminal.shown.endswith("Error: interrupted\r\n")
    os.close(written)


@pytest.mark.slow
def test_lines_at_intervals_where_there_is_no_terminal(slow, tmp_path):
    shutil.copy(slow / "slow-1.wav", slow / "slow-2.wav")
    done = annotate(slow, "-o", tmp_path / "out", "-j", 1, env={**FAULTS, "SLOW_SECONDS": "3"})
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "× real time, " in line]
    assert 2 <= len(lines) <= 5  # of some twelve seconds
    assert re.fullmatch(r"about \d+ s left, \d+ s of \d+ s, \d× real time, \d/3 files", lines[0]), (
        lines
    )  # it is only known how much the first file took
    assert "\x1b" not in done.stderr


def test_quiet_and_verbose_exclude_each_other(slow):
    refused = CliRunner().invoke(main, ["annotate", str(slow), "-q", "-v"])
    assert refused.exit_code == 2
    assert "--quiet" in refused.output
