"""Results of the search for input files: `Source` for a file, `Unreadable` for a path that cannot be read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file to annotate: its path, as given or joined to its directory, size in bytes, and mtime.

    For an object in a store, `path` is its URL, and `mtime_ns` a hash of its ETag, MD5 or time.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An argument, link or directory that cannot be read; `error` is the class name of the exception."""

    path: str
    error: str
    message: str


Found = Source | Unreadable
