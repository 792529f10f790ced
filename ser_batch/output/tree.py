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
FORBIDDEN_ON_WINDOWS = re.compile(
    r'[<>:"\\|?*\x00-\x1f]|[. ](/|$)|(^|/)(con|prn|aux|nul|(com|lpt)[0-9])(\.|/|$)', re.IGNORECASE
)
Render = Callable[[FileRow, Sequence[SegmentRow]], Iterable[str]]  # the text of an output file, in pieces


class Folder:
    """An output folder that is written to `partial` first; `close` moves its files into place.

    A file whose content is the same already is not written again: `partial` has a hard link to it. `close` also
    deletes the files of an earlier run that this run did not write, unless they were changed since.
    """

    def __init__(self, path: Path):
        self.partial = path.with_name(path.name + ".partial")
        shutil.rmtree(self.partial, ignore_errors=True)  # left by a killed run
        self.partial.mkdir()
        self._path = path
        self._last_parent = self.partial
        self._changed = False
        self._written = (self.partial / WRITTEN).open("w", encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a text file by its path in the folder; FileExistsError if another input has that path."""
        path, content = self.partial / name, text.encode()
        if path.parent != self._last_parent:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._last_parent = path.parent
        linked = _link_if_equal(self._path / name, path, content)
        if not linked:
            with path.open("xb") as file:
                file.write(content)
        self.add(name, changed=not linked)

    def add(self, name: str, changed: bool = True) -> None:
        """Record a complete file by its path in `partial`."""
        self._changed |= changed
        self._written.write(json.dumps([name, (self.partial / name).stat().st_mtime_ns]) + "\n")

    def close(self) -> None:
        """Move the files into place."""
        self._written.close()
        if self._changed and hasattr(os, "sync"):  # not on Windows
            os.sync()  # one call for up to a million small files
        if not self._path.exists():
            self.partial.rename(self._path)
            return
        for name, mtime_ns in _entries(self._path / WRITTEN):
            if not (self.partial / name).exists():
                _delete(self._path / name, mtime_ns)
        written = (self.partial / WRITTEN).replace(self._path / WRITTEN)
        for name, _ in _entries(written):
            new, place = self.partial / name, self._path / name
            if not (place.exists() and new.samefile(place)):
                place.parent.mkdir(parents=True, exist_ok=True)
                new.replace(place)
        shutil.rmtree(self.partial)


class Tree:
    """Writer of one file for each input, in folders that mirror those of the inputs."""

    def __init__(self, path: Path, suffix: str, render: Render):
        self._folder = Folder(path)
        self._suffix = suffix
        self._render = render

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Write the file of one input."""
        text = "".join(self._render(file, segments))
        name = mirrored(file.key) + self._suffix
        try:
            self._folder.write(name if allowed(name) else unique(file.key) + self._suffix, text)
        except OSError as error:
            if error.errno not in UNUSABLE_NAME:
                raise
            self._folder.write(unique(file.key) + self._suffix, text)

    def close(self) -> None:
        """Move the files into place."""
        self._folder.close()


def tree_writer(name: str, suffix: str, render: Render) -> Callable[[Path, Schema], Tree]:
    """The `writer` of a format that has one file for each input: `name/<input><suffix>`, with the text of `render`."""
    return lambda folder, schema: Tree(folder / name, suffix, render)


def mirrored(file: str) -> str:
    """The path of an input inside a tree: in UTF-8, without a leading `/`, never above the tree."""
    return in_utf8(os.path.normpath("/" + file).lstrip("/"))


def allowed(name: str, windows: bool = os.name == "nt") -> bool:
    """Whether a file may have this path; Windows would take some for streams or devices, without an error."""
    return not (windows and FORBIDDEN_ON_WINDOWS.search(name))


def unique(file: str) -> str:
    """A short unique name, `name~hash` at the top of the tree, for an input whose own path cannot be used."""
    digest = hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
    return re.sub(r"[^\w.-]", "_", in_utf8(Path(file).name), flags=re.ASCII)[:80] + "~" + digest


def _link_if_equal(existing: Path, path: Path, content: bytes) -> bool:
    """Make `path` a hard link to a file, if that has the content; not every file system can."""
    try:
        if existing.is_symlink() or existing.read_bytes() != content:
            return False
        path.hardlink_to(existing)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


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
