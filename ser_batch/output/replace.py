"""Files that appear under their names whole or not at all."""

import os
from pathlib import Path


class Replacement:
    """A text file written beside `path` and moved over it when closed; names that are not UTF-8 are escaped."""

    def __init__(self, path: Path):
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self.file = self._partial.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def close(self) -> None:
        """Finish the file, on the disk, and move it to its place."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.replace(self._path)
