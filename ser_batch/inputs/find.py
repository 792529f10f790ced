"""Finding audio files: paths and directories in; files to open out, lazily and in sorted order."""

# Paths stay strings: a million of them may be looked at, and they are kept as the system spells them.

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ser_batch.inputs.sources import Found, Source, Unreadable
from ser_batch.inputs.suffixes import is_audio
from ser_batch.inputs.url import is_url

# Never entered: our own journal, and the object store of git-annex, whose objects are reached by their links.
SKIPPED_DIRECTORIES = frozenset({".journal", ".git"})
URLS_AT_ONCE = 512  # that are asked about together


def find(
    paths: Iterable[str | os.PathLike[str]], include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> Iterator[Found]:
    """Find every audio file that the paths name or contain, each once, one argument after the other.

    A path that is a file is taken whatever its suffix. A directory is walked recursively, links to
    directories included, no directory twice; the files in it that have one of `AUDIO_SUFFIXES` or
    `EXTRA_SUFFIXES`, in either case, come in the order of their relative paths. What cannot be read
    is yielded as `Unreadable`, never raised. URLs (see `ser_batch.inputs.remote`) come some hundreds together.

    Args:
        paths: files and directories, or URLs of such; consumed one at a time.
        include: globs (`fnmatch`, so `*` crosses `/`; the case counts); a file must match one of
            them, if there are any, by its basename or by its POSIX path relative to its argument.
        exclude: globs; a file or a directory that matches one of them is left out.

    Raises:
        SerBatchError: the packages for a URL are missing.
    """
    search = _Search(tuple(include), tuple(exclude))
    urls: list[str] = []
    for each in paths:
        path = os.fspath(each)
        if not is_url(path):
            yield from search.argument(path)
            continue
        urls.append(path)
        if len(urls) == URLS_AT_ONCE:
            yield from search.objects(urls)
            urls = []
    yield from search.objects(urls)


@dataclass(slots=True)
class _Folder:
    """A directory being walked.

    `relative` is its path relative to its argument, ending in `/`, or empty; `names` are still to come,
    sorted, directories ending in `/`; `links` are those of them that are symbolic links.
    """

    path: str
    relative: str
    real: str
    names: Iterator[str]
    links: set[str]


class _Search:
    """What one call of `find` wants, and what it has met.

    A plain file in a directory that is walked once is met once. Only what offers a second way to a
    file (a named file, a link) is remembered, so memory grows with directories and links, not files.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self.included = _matcher(include) if include else None
        self.excluded = _matcher(exclude)
        self.walked: dict[tuple[int, int], str] = {}  # (device, inode) → path relative to its argument
        self.met: set[str] = set()  # real paths of named files and links' targets, and troubles

    def argument(self, path: str) -> Iterator[Found]:
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            yield from self.report(_unreadable(path, error))
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self.walk(path)
        elif not stat.S_ISREG(status.st_mode):
            yield from self.report(_not_a_file(path))
        elif self.wanted(os.path.basename(path)) and self.is_new(path):
            yield Source(path, status.st_size, status.st_mtime_ns)

    def objects(self, urls: Sequence[str]) -> Iterator[Found]:
        if urls:
            from ser_batch.inputs import remote

            for found in remote.find(urls, self.wanted, self.reached):
                yield from self.report(found) if isinstance(found, Unreadable) else (found,)

    def reached(self, relative: str) -> bool:
        """Whether a walk would come to a file and take it."""
        folders = relative.split("/")[:-1]
        return (
            self.wanted(relative)
            and SKIPPED_DIRECTORIES.isdisjoint(folders)
            and not any(map(self.excluded, accumulate(folders, "{}/{}".format)))
        )

    def report(self, trouble: Unreadable) -> Iterator[Unreadable]:
        """Yield what cannot be read, unless that path has been reported."""
        if trouble.path not in self.met:
            self.met.add(trouble.path)
            yield trouble

    def walk(self, top: str) -> Iterator[Found]:
        """Walk depth first, without recursion: a tree may be deeper than the interpreter's stack."""
        folders: list[_Folder] = []
        yield from self.enter(folders, top, "", os.path.realpath(top))
        while folders:
            folder = folders[-1]
            name = next(folder.names, None)
            if name is None:
                folders.pop()
            elif not name.endswith("/"):
                yield from self.file(folder, name)
            elif not self.excluded(folder.relative + name[:-1]):
                path, real = (os.path.join(place, name[:-1]) for place in (folder.path, folder.real))
                if name in folder.links:
                    real = os.path.realpath(path)
                yield from self.enter(folders, path, folder.relative + name, real)

    def enter(self, folders: list[_Folder], path: str, relative: str, real: str) -> Iterator[Unreadable]:
        """Put a directory on the stack, unless it has been walked by whatever way."""
        identity = _identity(path)
        if identity in self.walked:
            return
        names, links, failure = _listing(path)
        if failure:
            yield from self.report(_unreadable(path, failure))
        if identity:
            self.walked[identity] = relative
            folders.append(_Folder(path, relative, real, iter(sorted(names)), links))

    def file(self, folder: _Folder, name: str) -> Iterator[Found]:
        if not self.wanted(folder.relative + name):
            return
        path = os.path.join(folder.path, name)
        try:
            status = os.stat(path)
        except OSError as error:
            yield from self.report(_unreadable(path, error))
            return
        if not stat.S_ISREG(status.st_mode):
            yield from self.report(_not_a_file(path))
            return
        if name in folder.links:
            first = self.is_new(path)
        else:
            first = not self.met or os.path.join(folder.real, name) not in self.met
        if first:
            yield Source(path, status.st_size, status.st_mtime_ns)

    def wanted(self, relative: str) -> bool:
        return (self.included is None or self.included(relative)) and not self.excluded(relative)

    def is_new(self, path: str) -> bool:
        """Whether a named file or a link leads to a file that no other way has led or will lead to."""
        real = os.path.realpath(path)
        if real in self.met:
            return False
        folder, name = os.path.split(real)
        relative = self.walked.get(_identity(folder) or (0, 0))
        if relative is not None and is_audio(name) and self.wanted(relative + name):
            return False
        self.met.add(real)
        return True


def _listing(path: str) -> tuple[list[str], set[str], OSError | None]:
    """List what matters in a directory: names, those of them that are links, and what cut the listing short.

    Directories end in `/`, so that sorting the names of each directory sorts whole relative paths.
    """
    names: list[str] = []
    links: set[str] = set()
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if _is_directory(entry):
                    if entry.name in SKIPPED_DIRECTORIES:
                        continue
                    name = entry.name + "/"
                elif is_audio(entry.name):
                    name = entry.name
                else:
                    continue
                names.append(name)
                if entry.is_symlink():
                    links.add(name)
    except OSError as error:
        return names, links, error
    return names, links, None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links, or a link into a place that may not be entered
        return False


def _matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    patterns = [re.compile(fnmatch.translate(glob)) for glob in globs]

    def matches(relative: str) -> bool:
        name = relative.rpartition("/")[2]
        return any(pattern.match(relative) or pattern.match(name) for pattern in patterns)

    return matches


def _not_a_file(path: str) -> Unreadable:
    return Unreadable(path, "NotAFile", "a FIFO, a socket or a device: give an audio file")


def _unreadable(path: str, error: OSError | ValueError) -> Unreadable:
    if isinstance(error, FileNotFoundError):
        message = (
            "a link to something that does not exist" if os.path.islink(path) else "no such file or directory"
        )
    else:
        message = getattr(error, "strerror", None) or str(error)
    return Unreadable(path, type(error).__name__, message)
