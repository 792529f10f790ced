"""Paths as arguments."""

import os
from collections.abc import Iterable

PathLike = str | os.PathLike[str]


def listed(paths: PathLike | Iterable[PathLike]) -> Iterable[PathLike]:
    """One path as a list of one; many as they are."""
    return [paths] if isinstance(paths, str | os.PathLike) else paths
