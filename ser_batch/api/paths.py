"""Types and conversion of path arguments."""

import os
from collections.abc import Iterable

PathLike = str | os.PathLike[str]


def listed(paths: PathLike | Iterable[PathLike]) -> Iterable[PathLike]:
    """One path as a list; several paths unchanged."""
    return [paths] if isinstance(paths, str | os.PathLike) else paths
