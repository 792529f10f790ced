"""An audit on the terminal: a player of the system plays each recording, a key labels it."""

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ser_batch.errors import SerBatchError
from ser_batch.output.audit.page import COLUMNS, NO_SPEECH, NONE, Item

PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("mpv", "--no-video", "--really-quiet"),
    ("play", "-q"),
    ("afplay",),
    ("mpg123", "-q"),
)
BACK = ("\x7f", "\b")


def listen(
    items: Sequence[Item],
    labels: Sequence[str],
    path: Path,
    listener: str,
    key: Callable[[], str],
    say: Callable[[str], None],
) -> int:
    """Play each item that the listener has not yet labelled in the CSV at `path`, and write the answers there.

    Args:
        items: of the sample.
        labels: keys 1, 2, … in this order; 0 is none of them, x is no speech, q ends.
        path: of the answers; what others answered is kept.
        listener: name of the listener.
        key: waits for a key.
        say: shows a line.

    Returns:
        How many items are still to be labelled.

    Raises:
        SerBatchError: no player, or a file that cannot be read or written.
    """
    player = next((command for command in PLAYERS if shutil.which(command[0])), None)
    if not player:
        names = ", ".join(command[0] for command in PLAYERS)
        raise SerBatchError(
            f"--terminal: no player found ({names}): install one, or open the page in a browser"
        )
    answers = {str(number): label for number, label in enumerate(labels, 1)} | {"0": NONE, "x": NO_SPEECH}
    try:
        others, own = _read(path, listener)
        say("  ".join(f"{name} {label}" for name, label in answers.items()))
        say("space: again, backspace: back, q: end; the answers are kept")
        at = _first_open(items, own)
        while at < len(items):
            say(f"recording {at + 1} of {len(items)}")
            pressed = _play_and_ask(items[at], player, key, {*answers, *BACK, "q"})
            if pressed == "q":
                break
            if pressed in BACK:
                at = max(0, at - 1)
                continue
            own[_place(items[at])] = answers[pressed]
            _write(path, others, items, own, listener)
            at = (
                at + 1
                if at + 1 < len(items) and _place(items[at + 1]) not in own
                else _first_open(items, own)
            )
    except OSError as error:
        raise SerBatchError(
            f"{path}: cannot keep the answers ({error.strerror}): choose another file with -o"
        ) from error
    return sum(_place(item) not in own for item in items)


def _play_and_ask(item: Item, player: Sequence[str], key: Callable[[], str], known: set[str]) -> str:
    with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
        file.write(item.audio)
        file.flush()
        while True:
            with subprocess.Popen(
                [*player, file.name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as playing:
                pressed = ""
                while pressed not in known and pressed != " ":
                    pressed = key().lower()
                playing.terminate()
            if pressed != " ":
                return pressed


def _place(item: Item) -> tuple[str, str, str]:
    return item.file, item.start, item.end


def _first_open(items: Sequence[Item], own: dict[tuple[str, str, str], str]) -> int:
    return next((number for number, item in enumerate(items) if _place(item) not in own), len(items))


def _read(path: Path, listener: str) -> tuple[list[list[str]], dict[tuple[str, str, str], str]]:
    """Rows of other listeners, and the answers of this one."""
    others: list[list[str]] = []
    own: dict[tuple[str, str, str], str] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise SerBatchError(f"{path}: not the answers of an audit: choose another file with -o")
            for row in reader:
                if row["listener"] == listener:
                    own[row["file"], row["start"], row["end"]] = row["label"]
                else:
                    others.append(list(row.values()))
    return others, own


def _write(
    path: Path,
    others: Sequence[Sequence[str]],
    items: Sequence[Item],
    own: dict[tuple[str, str, str], str],
    listener: str,
) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(others)
        for item in items:
            if label := own.get(_place(item)):
                writer.writerow([*_place(item), label, listener, f"{item.probability:.6g}"])
    partial.replace(path)
