"""The plan of a run: every input, sorted by path, and the offset of its result in the journal."""

# Paths stay strings: there may be a million, and they are kept as the file system spells them.

import heapq
import os
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.find import find
from ser_batch.inputs.paths import absolute
from ser_batch.inputs.sources import Source, Unreadable
from ser_batch.inputs.url import common_folder, is_url, redacted
from ser_batch.runs.journal import InMemoryJournal, Journal
from ser_batch.stretches import is_stretch, split

NO_RESULT = -1  # instead of an offset


class Plan:
    """The inputs of a run. They may be millions: each takes the bytes of its path and 80 more.

    Attributes:
        root: the deepest folder above all arguments; results are named relative to it.
        n_found: number of inputs of all shards.
        n_failed: number of failed inputs, in this run or in those that it resumes.
        unreadable: inputs that cannot be read.
    """

    def __init__(
        self,
        paths: Iterable[str],
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        holds: Callable[[str], bool] | None = None,
        root: str | None = None,
    ):
        """Find the files that `paths` name or contain; of a shard, only those whose names it `holds`.

        `paths` are consumed one at a time; for a shard all at once, since the names depend on the root.

        Raises:
            UsageError: a path is not below a given `root`.
        """
        self.root = _slashes(absolute(root)) if root else ""
        self.n_found = 0
        self._prefix = _with_slash(self.root)
        self._urls = False
        self._files: list[bytes] = []  # path, NUL, size and mtime: they sort as the paths do
        self.unreadable: list[Unreadable] = []
        self.passed_over: Counter[str] = Counter()
        self.stretches = False  # some inputs are stretches of files
        arguments = self._below_root(paths) if root else self._arguments(paths)
        for item in find(list(arguments) if holds else arguments, include, exclude, self.passed_over):
            self.n_found += 1
            self.stretches |= is_stretch(item.path)
            if os.sep != "/":
                item = replace(item, path=_slashes(item.path))
            if holds and not holds(self.name(item.path)):
                continue
            if isinstance(item, Source):
                self._files.append(_pack(item))
            else:
                self.unreadable.append(item)
        self._files.sort()
        if self._urls:
            self._files = _each_once(self._files)
        self.unreadable.sort(key=lambda item: item.path)
        self._offsets = array("q", [NO_RESULT]) * len(self._files)
        self.n_failed = len(self.unreadable)

    def _arguments(self, paths: Iterable[str]) -> Iterator[str]:
        for number, path in enumerate(map(absolute, paths)):
            folder = _folder(path)
            self._urls |= is_url(path)
            if self._urls:
                self.root = common_folder(self.root, folder) if number else folder
            else:
                self.root = _common_path(self.root, folder) if number else _slashes(folder)
            self._prefix = _with_slash(self.root)
            yield path

    def _below_root(self, paths: Iterable[str]) -> Iterator[str]:
        for path in map(absolute, paths):
            if not _with_slash(_slashes(path)).startswith(self._prefix):
                raise UsageError(
                    f"{redacted(path)}: not below --root {redacted(self.root)}: give a folder above it"
                )
            self._urls |= is_url(path)
            yield path

    def __len__(self) -> int:
        """Number of inputs, readable or not."""
        return len(self._files) + len(self.unreadable)

    def resume(self, records: Iterable[tuple[int, dict[str, Any]]], retry_failed: bool) -> int:
        """Take over the results of a journal; returns the number of files that have one and are unchanged."""
        failed = bytearray(len(self._files))
        for offset, record in records:
            i = self._index(self._prefix + record["file"])
            if i is None:
                continue
            source = _unpack(self._files[i])
            failed[i] = "error" in record
            done = (source.size, source.mtime_ns) == (record["size"], record["mtime_ns"])
            self._offsets[i] = offset if done and not (failed[i] and retry_failed) else NO_RESULT
        self.n_failed += sum(flag for flag, at in zip(failed, self._offsets, strict=True) if at != NO_RESULT)
        return len(self._files) - self._offsets.count(NO_RESULT)

    def pending(self) -> Iterator[Source]:
        """Yield the files without a result, sorted by path."""
        for i, offset in enumerate(self._offsets):
            if offset == NO_RESULT:
                yield _unpack(self._files[i])

    def add(self, source: Source, outcome: Outcome, journal: Journal | InMemoryJournal) -> None:
        """Append a file's result to the journal."""
        i = self._index(source.path)
        assert i is not None
        self._offsets[i] = journal.append(self.name(source.path), source, outcome)
        self.n_failed += isinstance(outcome, Failure)

    def results(self, journal: Journal | InMemoryJournal) -> Iterator[tuple[str, Outcome]]:
        """Path and result of every input, sorted by path; results are read from the journal one at a time."""
        return ((path, at if isinstance(at, Failure) else journal.outcome(at)) for path, at in self.entries())

    def entries(self) -> Iterator[tuple[str, int | Failure]]:
        """Path of every input, sorted, with the offset of its result, or with its failure if it cannot be read."""
        files = (
            (redacted(_unpack(packed).path), offset)
            for packed, offset in zip(self._files, self._offsets, strict=True)
        )
        others = ((item.path, Failure("find", item.error, item.message)) for item in self.unreadable)
        return heapq.merge(files, others, key=lambda pair: pair[0])

    def name(self, path: str) -> str:
        """Name of an input in journal and tables: its path relative to the root."""
        return redacted(path)[len(self._prefix) :] or "."

    def _index(self, path: str) -> int | None:
        start = _encode(redacted(path)) + b"\0"
        i = bisect_left(self._files, start)
        return i if i < len(self._files) and self._files[i].startswith(start) else None


def _folder(path: str) -> str:
    """The folder at a path, or the folder of the file at it."""
    if is_url(path):
        from ser_batch.inputs.remote import folder_of

        return folder_of(path)
    path = split(path).path
    return path if os.path.isdir(path) else os.path.dirname(path) or os.getcwd()


def _slashes(path: str) -> str:
    """A path with slashes, which Windows takes, too: names in tables are the same on every system."""
    return path.replace(os.sep, "/")


def _with_slash(folder: str) -> str:
    return folder if not folder or folder.endswith("/") else f"{folder}/"


def _common_path(one: str, other: str) -> str:
    try:
        return _slashes(os.path.commonpath((one, other)))
    except ValueError:  # different drives of Windows
        return ""


def _encode(path: str) -> bytes:
    """UTF-8, in which bytes sort as the strings do; also for names that are not valid text."""
    return path.encode("utf-8", "surrogatepass")


def _pack(source: Source) -> bytes:
    """Path, NUL, size and mtime; of a URL the path without secrets, and then the URL: its signature changes."""
    name = redacted(source.path)
    packed = b"%b\0%d %d" % (_encode(name), source.size, source.mtime_ns)
    return packed if name == source.path else b"%b %b" % (packed, _encode(source.path))


def _unpack(packed: bytes) -> Source:
    name, _, stamp = packed.partition(b"\0")
    size, mtime_ns, *signed = stamp.split(b" ", 2)
    return Source((signed or [name])[0].decode("utf-8", "surrogatepass"), int(size), int(mtime_ns))


def _each_once(files: list[bytes]) -> list[bytes]:
    """Remove duplicates of URLs from sorted files.

    Raises:
        SerBatchError: two URLs differ only in what looks like a secret, so their results have the same name.
    """
    once: list[bytes] = []
    for packed in files:
        if once and once[-1].partition(b"\0")[0] == packed.partition(b"\0")[0]:
            if _unpack(once[-1]).path != _unpack(packed).path:
                name = redacted(_unpack(packed).path)
                raise SerBatchError(
                    f"{name} is given twice, with different credentials in its parameters: give one of them"
                )
            continue
        once.append(packed)
    return once
