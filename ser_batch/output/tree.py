"""Output trees: one file for each input, under the path of the input."""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ser_batch.output.names import in_utf8
from ser_batch.output.schema import FileRow, Schema, SegmentRow

WRITTEN = ".written"  # list of the files that a run wrote into a folder: name and mtime, one JSON line each
# The name is taken, is a folder, is too long, or has characters that the file system refuses.
UNUSABLE_NAME = {errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
Render = Callable[[FileRow, Sequence[SegmentRow]], Iterable[str]]  # the text of an output file, in pieces


class Folder:
    """An output folder that is written to `partial` first; `close` moves its files into place.

    `close` also deletes the files of an earlier run that this run did not write, unless they were changed since.
    """

    def __init__(self, path: Path):
        self.partial = path.with_name(path.name + ".partial")
        shutil.rmtree(self.partial, ignore_errors=True)  # left by a killed run
        self.partial.mkdir()
        self._path = path
        self._written = (self.partial / WRITTEN).open("w", encoding="utf-8")

    def add(self, name: str) -> None:
        """Record a complete file by its path in `partial`."""
        self._written.write(json.dumps([name, (self.partial / name).stat().st_mtime_ns]) + "\n")

    def close(self) -> None:
        """Move the files into place."""
        self._written.close()
        os.sync()  # one call for up to a million small files
        if not self._path.exists():
            self.partial.rename(self._path)
            return
        for name, mtime_ns in _entries(self._path / WRITTEN):
            if not (self.partial / name).exists():
                _delete(self._path / name, mtime_ns)
        written = (self.partial / WRITTEN).replace(self._path / WRITTEN)
        for name, _ in _entries(written):
            place = self._path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            (self.partial / name).replace(place)
        shutil.rmtree(self.partial)


class Tree:
    """Writer of one file for each input, in folders that mirror those of the inputs."""

    def __init__(self, path: Path, suffix: str, render: Render):
        self._folder = Folder(path)
        self._suffix = suffix
        self._render = render

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Write the file of one input."""
        try:
            self._write(mirrored(file.file) + self._suffix, file, segments)
        except OSError as error:
            if error.errno not in UNUSABLE_NAME:
                raise
            self._write(unique(file.file) + self._suffix, file, segments)

    def _write(self, name: str, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        path = self._folder.partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as text:
            text.writelines(self._render(file, segments))
        self._folder.add(name)

    def close(self) -> None:
        """Move the files into place."""
        self._folder.close()


def tree_writer(name: str, suffix: str, render: Render) -> Callable[[Path, Schema], Tree]:
    """The `writer` of a format that has one file for each input: `name/<input><suffix>`, with the text of `render`."""
    return lambda folder, schema: Tree(folder / name, suffix, render)


def mirrored(file: str) -> str:
    """The path of an input inside a tree: in UTF-8, without a leading `/`, never above the tree."""
    return in_utf8(os.path.normpath("/" + file).lstrip("/"))


def unique(file: str) -> str:
    """A short unique name, `name~hash` at the top of the tree, for an input whose own path cannot be used."""
    digest = hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
    return re.sub(r"[^\w.-]", "_", in_utf8(Path(file).name), flags=re.ASCII)[:80] + "~" + digest


def _entries(path: Path) -> Iterator[tuple[str, int]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                name, mtime_ns = json.loads(line)
                yield name, mtime_ns


def _delete(path: Path, mtime_ns: int) -> None:
    with suppress(OSError):  # already gone, or the folder is not empty
        if path.stat().st_mtime_ns == mtime_ns:
            path.unlink()
            os.removedirs(path.parent)
