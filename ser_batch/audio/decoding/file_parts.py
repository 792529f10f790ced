"""A part of a file as a file object, with other bytes in front: for decoders that need another header."""

import io
import os


class FilePart(io.RawIOBase):
    """The bytes `head`, followed by a file from byte `start` on. The file's own position is not used or changed."""

    def __init__(self, head: bytes, descriptor: int, start: int):
        self._head, self._descriptor = head, descriptor
        self._shift = start - len(head)
        self._size = max(os.fstat(descriptor).st_size - self._shift, len(head))
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position and return it; a negative one gives -1, since the callers are C libraries."""
        target = offset + (0, self._position, self._size)[whence]
        if target < 0:
            return -1
        self._position = min(target, self._size)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read up to `len(buffer)` bytes and return their number."""
        data = self._head[self._position : self._position + len(buffer)]
        if not data:
            data = os.pread(self._descriptor, len(buffer), self._position + self._shift)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
