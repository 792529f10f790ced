"""Files that begin otherwise than they do on disk, for decoders that would stop too early."""

import io
import os


class Spliced(io.RawIOBase):
    """`head`, then a file from the byte `start` on; the file's own position plays no role."""

    def __init__(self, head: bytes, descriptor: int, start: int):
        self._head, self._descriptor = head, descriptor
        self._shift = start - len(head)
        self._size = max(os.fstat(descriptor).st_size - self._shift, len(head))
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, and return it; -1, as in C, where there is none: both libraries call this from C."""
        target = offset + (0, self._at, self._size)[whence]
        if target < 0:
            return -1
        self._at = min(target, self._size)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer, or what can be of it, from the position on."""
        data = self._head[self._at : self._at + len(buffer)]
        if not data:
            data = os.pread(self._descriptor, len(buffer), self._at + self._shift)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
