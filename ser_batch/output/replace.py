"""Atomic files: a file appears under its name when it is complete, or not at all."""

import os
from pathlib import Path


class Replacement:
    """A text file that is written beside `path`; `close` moves it to `path`. Names that are not UTF-8 are escaped."""

    def __init__(self, path: Path):
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self.file = self._partial.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def close(self) -> None:
        """Flush the file to the disk and move it into place."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.replace(self._path)
