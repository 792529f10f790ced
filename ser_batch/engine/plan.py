"""What a run is to do: every input, sorted by path, and where its result lies in the journal."""

# Paths stay strings here: a million of them may be looked at, and they are kept as the system spells them.

import heapq
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ser_batch.corpus.find import Source, Unreadable, find
from ser_batch.engine.journal import Journal
from ser_batch.engine.result import Failure, Outcome

NOWHERE = -1


class Plan:
    """The inputs of a run. Packed, since they may be millions: each takes its path and 80 bytes.

    `root` is the deepest folder above all arguments, which results are named relative to; `n_failed` is how many
    inputs have failed, in this run or in those that it resumes.
    """

    def __init__(self, paths: Iterable[str], include: Iterable[str] = (), exclude: Iterable[str] = ()):
        """Find the files that `paths` name or contain; `paths` are consumed one at a time."""
        self.root = ""
        self._files: list[bytes] = []  # path, NUL, size and mtime: they sort as the paths do
        self._unreadable: list[Unreadable] = []
        for item in find(self._arguments(paths), include, exclude):
            if isinstance(item, Source):
                self._files.append(_pack(item))
            else:
                self._unreadable.append(item)
        self._files.sort()
        self._unreadable.sort(key=lambda item: item.path)
        self._offsets = array("q", [NOWHERE]) * len(self._files)
        self.n_failed = len(self._unreadable)

    def _arguments(self, paths: Iterable[str]) -> Iterator[str]:
        for path in map(_absolute, paths):
            place = path if os.path.isdir(path) else os.path.dirname(path) or os.getcwd()
            self.root = os.path.commonpath((self.root, place)) if self.root else place
            yield path

    def __len__(self) -> int:
        """How many inputs there are, files or not."""
        return len(self._files) + len(self._unreadable)

    def resume(self, journal: Journal, retry_failed: bool) -> int:
        """Find each file's result in a journal; returns how many have one and have not changed since."""
        failed = bytearray(len(self._files))
        for offset, record in journal.records():
            i = self._index(os.path.join(self.root, record["file"]))
            if i is None:
                continue
            source = _unpack(self._files[i])
            failed[i] = "error" in record
            done = (source.size, source.mtime_ns) == (record["size"], record["mtime_ns"])
            self._offsets[i] = offset if done and not (failed[i] and retry_failed) else NOWHERE
        self.n_failed += sum(flag for flag, at in zip(failed, self._offsets, strict=True) if at != NOWHERE)
        return len(self._files) - self._offsets.count(NOWHERE)

    def todo(self) -> Iterator[Source]:
        """The files without a result, in order."""
        for i, offset in enumerate(self._offsets):
            if offset == NOWHERE:
                yield _unpack(self._files[i])

    def add(self, source: Source, outcome: Outcome, journal: Journal) -> None:
        """Record a file's result, in the journal."""
        i = self._index(source.path)
        assert i is not None
        self._offsets[i] = journal.append(self.name(source.path), source, outcome)
        self.n_failed += isinstance(outcome, Failure)

    def results(self, journal: Journal) -> Iterator[tuple[str, Outcome]]:
        """The path and result of every input, sorted by path; read from the journal one at a time."""
        files = (
            (_unpack(packed).path, journal.outcome(offset))
            for packed, offset in zip(self._files, self._offsets, strict=True)
        )
        others = ((item.path, Failure("find", item.error, item.message)) for item in self._unreadable)
        return heapq.merge(files, others, key=lambda pair: pair[0])

    def name(self, path: str) -> str:
        """What an input is called in the journal and in the tables: its path relative to the root."""
        return path[len(os.path.join(self.root, "")) :] or "."

    def _index(self, path: str) -> int | None:
        start = _encode(path) + b"\0"
        i = bisect_left(self._files, start)
        return i if i < len(self._files) and self._files[i].startswith(start) else None


def _absolute(path: str) -> str:
    """A path from `/` on, without `..`: `abspath` takes that by the letter, the system by the links before it."""
    plain = os.path.abspath(path) if path else path
    if (
        ".." in path.split(os.sep)
        and os.path.exists(path)
        and os.path.realpath(path) != os.path.realpath(plain)
    ):
        return os.path.realpath(path)
    return plain


def _encode(path: str) -> bytes:
    """Bytes that sort as the strings do, of names that are not UTF-8, too."""
    return path.encode("utf-8", "surrogatepass")


def _pack(source: Source) -> bytes:
    return b"%b\0%d %d" % (_encode(source.path), source.size, source.mtime_ns)


def _unpack(packed: bytes) -> Source:
    path, _, stamp = packed.partition(b"\0")
    size, mtime_ns = stamp.split()
    return Source(path.decode("utf-8", "surrogatepass"), int(size), int(mtime_ns))
