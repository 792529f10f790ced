"""Audio of the least certain files, to embed in the report."""

import json
from pathlib import Path

from ser_batch.audio.encoding import mp3
from ser_batch.audio.windows import load
from ser_batch.errors import SerBatchError
from ser_batch.inputs.spool import Spool
from ser_batch.inputs.url import is_url
from ser_batch.output.names import from_utf8
from ser_batch.output.report.gather import least_certain, moved

SECONDS = 60.0  # of each file, at most


def embedded_audio(folder: Path, n: int, audio: str | None) -> tuple[dict[str, bytes], list[str]]:
    """Read the first 60 s of the `n` least certain files.

    Args:
        folder: output folder of `annotate`.
        n: number of files.
        audio: folder or URL of the recordings, if they are not where they were annotated.

    Returns:
        MP3 files by name of the recording in the tables, and a message for each recording that cannot be read.

    Raises:
        SerBatchError: a table is missing or damaged, or none of the recordings can be read.
    """
    names = least_certain(folder, n)
    root = json.loads((folder / "run.json").read_text(encoding="utf-8")).get("root")
    spool = Spool()
    sounds: dict[str, bytes] = {}
    unreadable: list[str] = []
    for name in names:
        path = name if is_url(name) else _path(from_utf8(name), root, audio)
        try:
            if is_url(path):
                with spool.local(path, lambda: None) as copy:
                    sounds[name] = mp3(load(copy, SECONDS))
            else:
                sounds[name] = mp3(load(path, SECONDS))
        except (OSError, SerBatchError) as error:
            unreadable.append(f"{path}: cannot be embedded ({getattr(error, 'strerror', None) or error})")
    if names and not sounds:
        raise SerBatchError(f"{unreadable[0]}: name the folder of the recordings with --audio")
    return sounds, unreadable


def _path(name: str, root: str | None, audio: str | None) -> str:
    """The path of a recording by its name in the tables."""
    if audio:
        return f"{audio.rstrip('/')}/{moved(name, root)}"
    return name if name.startswith("/") or not root else f"{root.rstrip('/')}/{name}"
