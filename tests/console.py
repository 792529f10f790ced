"""Terminal sessions in documents: `python -m tests.console docs/tutorial.md` runs and updates them."""

import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from tests.terminal import Terminal

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
PROGRESS = re.compile(
    r"[^\n]*\n(?:\x1b\[\?25h)?\r\x1b\[1A\x1b\[2K"
)  # a line that is erased when the work is done
COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
TIMES = re.compile(r"^(\d+ h )?(\d+ min )?[\d.]+ s, [\d,.]+× real time", re.MULTILINE)


def shown(command: str, folder: Path) -> str:
    """What a command leaves on a terminal of 80 columns, without colours."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    terminal = Terminal("bash", "-c", f"cd {shlex.quote(str(folder))} && {command}", columns=80, PATH=path)
    terminal.end(120)
    left = COLOURS.sub("", PROGRESS.sub("", terminal.shown.replace("\r\n", "\n")))
    return "".join(f"{line.rstrip()}\n" for line in left.splitlines())


def rerun(text: str, folder: Path) -> str:
    """A document with what its console blocks show now: their commands, after `$`, run in `folder` in turn."""

    def again(block: re.Match[str]) -> str:
        commands = [line[2:] for line in block[0].splitlines() if line.startswith("$ ")]
        return "".join(f"$ {command}\n{shown(command, folder)}" for command in commands)

    return BLOCK.sub(again, text)


def timeless(text: str) -> str:
    """The same whatever the speed of the machine."""
    return TIMES.sub("T s, N× real time", text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as made:
            shutil.copytree(ROOT / "samples", Path(made, "samples"))
            page = Path(name)
            page.write_text(rerun(page.read_text(encoding="utf-8"), Path(made)), encoding="utf-8")
