"""File paths: absolute, or relative to a root."""

import os

from ser_batch.inputs.url import is_url


def absolute(path: str) -> str:
    """A path from `/` on, without `..`: `abspath` takes that by the letter, the system by the links before it."""
    if is_url(path):
        return path
    plain = os.path.abspath(path) if path else path
    if (
        ".." in path.split(os.sep)
        and os.path.exists(path)
        and os.path.realpath(path) != os.path.realpath(plain)
    ):
        return os.path.realpath(path)
    return plain


def relative(path: str, root: str) -> str:
    """Return the POSIX path of a file relative to a root."""
    return os.path.relpath(path or ".", root).replace(os.sep, "/")
