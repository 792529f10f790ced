"""Input files as the search finds them: `Source` for a file to open, `Unreadable` for what cannot be read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file to open: its path as given or joined to its argument, its size in bytes, its mtime.

    Of an object in a store, the path is its URL, and the mtime a hash of what changes with the object.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An argument, a link or a directory that cannot be read; `error` is the exception's class name."""

    path: str
    error: str
    message: str


Found = Source | Unreadable
