"""Search for audio files in paths, directories and URLs."""

# Paths are strings, as the system has them: there may be a million.

import fnmatch
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ser_batch.inputs.passed_over import APPLE_DOUBLE, APPLE_DOUBLE_MAGIC, MACOS_FOLDER, count_suffix
from ser_batch.inputs.sources import Found, Source, Unreadable
from ser_batch.inputs.suffixes import is_audio
from ser_batch.inputs.url import is_url
from ser_batch.stretches import is_stretch, split, with_file

# Not searched: ser-batch's journal, and .git, where git-annex keeps the files that its links lead to.
SKIPPED_DIRECTORIES = frozenset({".journal", ".git"})
URLS_AT_ONCE = 512  # checked together


def find(
    paths: Iterable[str | os.PathLike[str]],
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    passed_over: Counter[str] | None = None,
) -> Iterator[Found]:
    """Find each audio file that the paths name or contain once, argument by argument.

    A named file is taken whatever its suffix. A directory is searched recursively, through links, and no
    directory twice; its files with one of `AUDIO_SUFFIXES` or `EXTRA_SUFFIXES`, in upper or lower case, come
    in the order of their relative paths. AppleDouble files of macOS are passed over, named or not. A path that
    cannot be read is yielded as `Unreadable`, never raised.
    URLs (see `ser_batch.inputs.remote`) are checked some hundreds at a time.

    Args:
        paths: files, directories, or their URLs; consumed one at a time.
        include: globs (`fnmatch`: `*` matches `/`, too; case-sensitive). If there are any, a file must match one of
            them, by its basename or by its POSIX path relative to its argument.
        exclude: globs; a file or a directory that matches one of them is left out.
        passed_over: counts, by suffix, the other files of the directories that match the globs, but no hidden ones.

    Raises:
        SerBatchError: the packages for a URL are missing.
    """
    search = _Search(tuple(include), tuple(exclude), Counter() if passed_over is None else passed_over)
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
    """A directory in the search.

    `relative` is its path relative to its argument, ending in `/`, or empty; `names` are the remaining entries,
    sorted, directories ending in `/`; `links` are the symbolic links among them; `real` is its real path.
    """

    path: str
    relative: str
    real: str
    names: Iterator[str]
    links: set[str]


class _Search:
    """The state of one call of `find`.

    A plain file in a directory that is searched once is found once. Only named files and links, which can lead
    to a file a second time, are remembered: memory grows with directories and links, not with files.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str], passed_over: Counter[str]) -> None:
        self.passed_over = passed_over
        self.included = _matcher(include) if include else None
        self.excluded = _matcher(exclude)
        self.searched: dict[tuple[int, int], str] = {}  # (device, inode) → path relative to its argument
        self.seen: set[str] = (
            set()
        )  # real paths of named files and of links' targets, and paths reported as unreadable

    def argument(self, path: str) -> Iterator[Found]:
        file = split(path).path
        try:
            status = os.stat(file)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            yield from self.report(_unreadable(path, error))
            return
        if stat.S_ISDIR(status.st_mode):
            yield from (
                self.walk(path)
                if file == path
                else self.report(
                    Unreadable(path, "IsADirectoryError", "a folder with start and end: give a file")
                )
            )
        elif not stat.S_ISREG(status.st_mode):
            yield from self.report(_not_a_file(path))
        elif _is_apple_double(file, os.path.basename(file)):
            self.passed_over[APPLE_DOUBLE] += 1
        elif self.wanted(os.path.basename(file)) and self.is_new(path):
            yield Source(path, status.st_size, status.st_mtime_ns)

    def objects(self, urls: Sequence[str]) -> Iterator[Found]:
        if urls:
            from ser_batch.inputs import remote

            for found in remote.find(urls, self.wanted, self.reached, self.pass_over):
                yield from self.report(found) if isinstance(found, Unreadable) else (found,)

    def reached(self, relative: str) -> bool:
        """Tell whether a search of a folder takes the file at a relative path."""
        folders = relative.split("/")[:-1]
        return (
            self.wanted(relative)
            and SKIPPED_DIRECTORIES.isdisjoint(folders)
            and not any(map(self.excluded, accumulate(folders, "{}/{}".format)))
        )

    def report(self, trouble: Unreadable) -> Iterator[Unreadable]:
        """Yield an unreadable path, unless it has been reported."""
        if trouble.path not in self.seen:
            self.seen.add(trouble.path)
            yield trouble

    def walk(self, top: str) -> Iterator[Found]:
        """Search depth first, without recursion: a tree may be deeper than the interpreter's stack."""
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
        """Put a directory on the stack, unless it has been searched."""
        identity = _identity(path)
        if identity in self.searched:
            return
        names, links, failure = _listing(path, lambda name: self.pass_over(relative + name))
        if failure:
            yield from self.report(_unreadable(path, failure))
        if identity:
            self.searched[identity] = relative
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
        if _is_apple_double(path, folder.relative + name):
            self.passed_over[APPLE_DOUBLE] += 1
            return
        if name in folder.links:
            first = self.is_new(path)
        else:
            first = not self.seen or os.path.join(folder.real, name) not in self.seen
        if first:
            yield Source(path, status.st_size, status.st_mtime_ns)

    def pass_over(self, relative: str) -> None:
        """Count a file that is no audio file by its suffix."""
        if not relative.rpartition("/")[2].startswith(".") and self.wanted(relative):
            count_suffix(self.passed_over, relative)

    def wanted(self, relative: str) -> bool:
        return (self.included is None or self.included(relative)) and not self.excluded(relative)

    def is_new(self, path: str) -> bool:
        """Tell whether a named file, stretch or link leads to a file or stretch that is not found otherwise."""
        real = with_file(path, os.path.realpath(split(path).path))
        if real in self.seen:
            return False
        folder, name = os.path.split(real)  # a stretch is found in no folder
        relative = self.searched.get(_identity(folder) or (0, 0))
        if relative is not None and not is_stretch(name) and is_audio(name) and self.wanted(relative + name):
            return False
        self.seen.add(real)
        return True


def _listing(path: str, pass_over: Callable[[str], None]) -> tuple[list[str], set[str], OSError | None]:
    """List directories and audio files of a directory: names, the links among them, and the error, if any.

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
                    pass_over(entry.name)
                    continue
                names.append(name)
                if entry.is_symlink():
                    links.add(name)
    except OSError as error:
        return names, links, error
    return names, links, None


def _is_apple_double(path: str, relative: str) -> bool:
    """Tell whether a file is an AppleDouble file of macOS: in `__MACOSX/`, or named `._…` with their first bytes."""
    if MACOS_FOLDER in relative.split("/"):
        return True
    if not os.path.basename(path).startswith("._"):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4) == APPLE_DOUBLE_MAGIC
    except OSError:  # reported when it is decoded
        return False


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links, or a link into a directory without permission
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
    message = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        dangling = os.path.islink(split(path).path)
        message = "a link to something that does not exist" if dangling else "no such file or directory"
    return Unreadable(path, type(error).__name__, message)
