"""Stretches of files: a path with start and end in seconds, written as a media fragment (`a.wav#t=…,…`).

The notation is W3C's, https://www.w3.org/TR/media-frags/#npttimeDef, always with hours and six decimals: stretches of a
file sort by time, and no file is called so by chance.
"""

import re
from typing import NamedTuple

_MARK = "#t="
_CLOCK = r"(\d\d+):(\d\d):(\d\d\.\d{6})"
_FRAGMENT = re.compile(f"(.+){_MARK}{_CLOCK},(?:{_CLOCK})?", re.DOTALL)


class Stretch(NamedTuple):
    """A part of a file, from `start` to `end` in seconds; `end` None: to the end of the file."""

    path: str
    start: float = 0.0
    end: float | None = None

    def __str__(self) -> str:
        return f"{self.path}{_MARK}{_clock(self.start)},{'' if self.end is None else _clock(self.end)}"


def split(path: str) -> Stretch:
    """Return the file and the times of a stretch; of another path, the path itself from 0 to its end."""
    found = _FRAGMENT.fullmatch(path) if _MARK in path else None
    if not found:
        return Stretch(path)
    return Stretch(
        found[1], _seconds(*found.group(2, 3, 4)), _seconds(*found.group(5, 6, 7)) if found[5] else None
    )


def is_stretch(path: str) -> bool:
    """Tell whether a path is a stretch of a file."""
    return _MARK in path and bool(_FRAGMENT.fullmatch(path))


def with_file(path: str, file: str) -> str:
    """Return a path with another file: the same stretch of it, if the path is a stretch."""
    return str(split(path)._replace(path=file)) if is_stretch(path) else file


def _clock(seconds: float) -> str:
    whole, millionths = divmod(round(seconds * 1e6), 1_000_000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{millionths:06}"


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 6)
