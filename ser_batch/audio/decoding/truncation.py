"""Truncated files: does the audio that the header announces end after the end of the file?

The decoders do not report this: they read as far as there are bytes.
"""

import os
import re
import struct
from dataclasses import dataclass

MAX_CHUNKS = 10_000
SLACK_BYTES = 128  # some writers include their header in the size of the audio
LARGEST_SIZE = 2**62


@dataclass(frozen=True, slots=True)
class _ChunkFormat:
    """How a family of formats stores its chunks.

    Attributes:
        first: position of the first chunk.
        header: layout of a chunk header, identifier and size.
        audio: identifier of the chunk with the samples.
        align: chunks begin at multiples of this.
        inclusive: whether the size includes the chunk header.
    """

    first: int
    header: struct.Struct
    audio: bytes
    align: int
    inclusive: bool = False


CHUNK_FORMATS = {
    b"RIFF": _ChunkFormat(12, struct.Struct("<4sI"), b"data", 2),
    b"RF64": _ChunkFormat(12, struct.Struct("<4sI"), b"data", 2),
    b"RIFX": _ChunkFormat(12, struct.Struct(">4sI"), b"data", 2),
    b"FORM": _ChunkFormat(12, struct.Struct(">4sI"), b"SSND", 2),
    b"caff": _ChunkFormat(8, struct.Struct(">4sQ"), b"data", 1),
    b"riff": _ChunkFormat(
        40, struct.Struct("<16sQ"), b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 8, inclusive=True
    ),
}


def is_truncated(descriptor: int) -> bool:
    """Whether a file ends before the audio that its header announces.

    Known for WAV, RF64, W64, AIFF, CAF, AU and NIST Sphere. False for other formats, and for a header that was
    written before the length was known.

    Args:
        descriptor: of a regular file; its position is not changed.
    """
    head = os.pread(descriptor, 1024, 0)
    kind = head[:4]
    if kind in CHUNK_FORMATS:
        end = _audio_chunk_end(descriptor, CHUNK_FORMATS[kind])
    elif kind == b".snd" and len(head) >= 12:
        end = _end(*struct.unpack(">II", head[4:12]))
    else:
        end = _sphere_end(head)
    return end > os.fstat(descriptor).st_size + SLACK_BYTES


def _audio_chunk_end(descriptor: int, chunks: _ChunkFormat) -> int:
    """End of the audio chunk in bytes; 0 if it is unknown."""
    position, size_64 = chunks.first, 0
    for _ in range(MAX_CHUNKS):
        head = os.pread(descriptor, chunks.header.size, position)
        if len(head) < chunks.header.size:
            return 0
        name, size = chunks.header.unpack(head)
        start = position + chunks.header.size
        if name == chunks.audio:
            return _end(position if chunks.inclusive else start, size_64 or size)
        if name == b"ds64":
            size_64 = int.from_bytes(os.pread(descriptor, 8, start + 8), "little")
        position = (position if chunks.inclusive else start) + size
        position += -position % chunks.align
        if not start <= position < LARGEST_SIZE:
            return 0
    return 0


def _end(start: int, size: int) -> int:
    """`start + size`; 0 if the size is a placeholder of a streamed file: 0, about 2 or 4 GiB, or at least 2^62."""
    unknown = size == 0 or size | 0xFFF in (0x7FFF_FFFF, 0xFFFF_FFFF) or size == 0x8000_0000
    return 0 if unknown or size >= LARGEST_SIZE else start + size


def _sphere_end(head: bytes) -> int:
    """End of the samples by the header of a NIST Sphere file; 0 for other files."""
    if not head.startswith(b"NIST_1A"):
        return 0
    fields = [
        re.search(rb"^%s -i (\d{1,15})$" % name, head, re.MULTILINE)
        for name in (b"sample_count", b"channel_count", b"sample_n_bytes")
    ]
    samples, channels, width = (int(field[1]) if field else 0 for field in fields)
    return 1024 + samples * channels * width
