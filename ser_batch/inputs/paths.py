"""File paths: absolute, or relative to a root."""

import os

from ser_batch.inputs.url import is_url
from ser_batch.stretches import is_stretch, split, with_file


def absolute(path: str) -> str:
    """Return the absolute path without `..`; URLs and the empty path stay as they are.

    `os.path.abspath` removes `link/..`, but the system resolves the link first: there the real path is returned.
    """
    if is_stretch(path):
        return with_file(path, absolute(split(path).path))
    if is_url(path) or not path:
        return path
    plain = os.path.abspath(path)
    if ".." not in path.split(os.sep) or not os.path.exists(path):  # spares a million calls of realpath
        return plain
    real = os.path.realpath(path)
    return plain if real == os.path.realpath(plain) else real


def relative(path: str, root: str) -> str:
    """Return the POSIX path of a file relative to a root."""
    return os.path.relpath(path or ".", root).replace(os.sep, "/")
