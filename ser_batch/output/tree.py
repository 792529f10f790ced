"""A folder with a file for each input, named like it."""

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
from ser_batch.output.schema import FileRow, SegmentRow

WRITTEN = ".written"  # what a run has put into a folder: name and mtime of each file, a line each
# A name that cannot be had: another input's, a folder's, too long, or with what the file system does not take.
NOT_TO_BE_HAD = {errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}


class Folder:
    """A folder that is filled beside its place, in `partial`; its files are moved there when all are complete.

    What an earlier run has put there and this one has not is deleted then, unless it has been changed since.
    """

    def __init__(self, path: Path):
        self.partial = path.with_name(path.name + ".partial")
        shutil.rmtree(self.partial, ignore_errors=True)  # of a run that was killed
        self.partial.mkdir()
        self._path = path
        self._written = (self.partial / WRITTEN).open("w", encoding="utf-8")

    def add(self, name: str) -> None:
        """Tell that a file, by its path in `partial`, is complete."""
        self._written.write(json.dumps([name, (self.partial / name).stat().st_mtime_ns]) + "\n")

    def close(self) -> None:
        """Put the files in place."""
        self._written.close()
        os.sync()  # at once for what may be a million small files
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
    """Writes a file for each input into a folder that mirrors the input's."""

    def __init__(
        self, path: Path, suffix: str, render: Callable[[FileRow, Sequence[SegmentRow]], Iterable[str]]
    ):
        self._folder = Folder(path)
        self._suffix = suffix
        self._render = render

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Write one file from its input's rows."""
        try:
            self._write(mirrored(file.file) + self._suffix, file, segments)
        except OSError as error:
            if error.errno not in NOT_TO_BE_HAD:
                raise
            self._write(unmistakable(file.file) + self._suffix, file, segments)

    def _write(self, name: str, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        path = self._folder.partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as text:
            text.writelines(self._render(file, segments))
        self._folder.add(name)

    def close(self) -> None:
        """Put the files in place."""
        self._folder.close()


def mirrored(file: str) -> str:
    """A file's place in a tree: its path, in UTF-8, from `/` on if it is absolute, and never above the tree."""
    return in_utf8(os.path.normpath("/" + file).lstrip("/"))


def unmistakable(file: str) -> str:
    """A short name that no other file has, for one whose own cannot be had: `name~hash`, at the top of the tree."""
    digest = hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
    return re.sub(r"[^\w.-]", "_", in_utf8(Path(file).name), flags=re.ASCII)[:80] + "~" + digest


def _entries(path: Path) -> Iterator[tuple[str, int]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                name, mtime_ns = json.loads(line)
                yield name, mtime_ns


def _delete(path: Path, mtime_ns: int) -> None:
    with suppress(OSError):  # it is gone, or its folder holds more
        if path.stat().st_mtime_ns == mtime_ns:
            path.unlink()
            os.removedirs(path.parent)
