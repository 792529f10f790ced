"""A part of a file as a file object, with other bytes in front: for decoders that need another header."""

import io
import os


class FilePart(io.RawIOBase):
    """The bytes `head`, then those of a file from `start` to `end`. The file's own position is not used or changed."""

    def __init__(self, head: bytes, descriptor: int, start: int = 0, end: int | None = None):
        self._head, self._descriptor = head, descriptor
        self._shift = start - len(head)
        size = os.fstat(descriptor).st_size if end is None else end
        self._size = max(size - self._shift, len(head))
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
            length = min(len(buffer), self._size - self._position)
            data = os.pread(self._descriptor, length, self._position + self._shift)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def end_of_id3(descriptor: int) -> int:
    """Position behind the ID3v2 tags at the beginning of a file; 0 if there are none."""
    position = 0
    while (tag := os.pread(descriptor, 10, position))[:3] == b"ID3" and len(tag) == 10:
        position += 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    return position
