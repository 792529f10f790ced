"""Telling a file that was cut off from a whole one: decoders read as far as there is something, without a word."""

import os
import re
import struct
from dataclasses import dataclass

MOST_CHUNKS = 10_000
SLACK_BYTES = 128  # some writers count their header into the size of the audio
LARGEST_SIZE = 2**62


@dataclass(frozen=True, slots=True)
class _Chunks:
    """How a family of formats strings its chunks together.

    `first` is where the first one begins; `header` holds an identifier and a size, which includes the header
    itself if `inclusive`; `audio` identifies the chunk with the samples; chunks begin at multiples of `align`.
    """

    first: int
    header: struct.Struct
    audio: bytes
    align: int
    inclusive: bool = False


CHUNKS = {
    b"RIFF": _Chunks(12, struct.Struct("<4sI"), b"data", 2),
    b"RF64": _Chunks(12, struct.Struct("<4sI"), b"data", 2),
    b"RIFX": _Chunks(12, struct.Struct(">4sI"), b"data", 2),
    b"FORM": _Chunks(12, struct.Struct(">4sI"), b"SSND", 2),
    b"caff": _Chunks(8, struct.Struct(">4sQ"), b"data", 1),
    b"riff": _Chunks(
        40, struct.Struct("<16sQ"), b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 8, inclusive=True
    ),
}


def is_cut_off(descriptor: int) -> bool:
    """Whether a file ends before the audio does that its header announces.

    WAV, RF64, W64, AIFF, CAF, AU and NIST Sphere are looked at; of others, and of a header that was written
    before the length was known, nothing can be said, and the answer is no.

    Args:
        descriptor: of a regular file; its position is left alone.
    """
    head = os.pread(descriptor, 1024, 0)
    kind = head[:4]
    if kind in CHUNKS:
        end = _chunk_end(descriptor, CHUNKS[kind])
    elif kind == b".snd" and len(head) >= 12:
        end = _end(*struct.unpack(">II", head[4:12]))
    else:
        end = _sphere_end(head)
    return end > os.fstat(descriptor).st_size + SLACK_BYTES


def _chunk_end(descriptor: int, chunks: _Chunks) -> int:
    """Where the chunk with the audio ends; 0 if that is not known."""
    at, size_64 = chunks.first, 0
    for _ in range(MOST_CHUNKS):
        head = os.pread(descriptor, chunks.header.size, at)
        if len(head) < chunks.header.size:
            return 0
        name, size = chunks.header.unpack(head)
        start = at + chunks.header.size
        if name == chunks.audio:
            return _end(at if chunks.inclusive else start, size_64 or size)
        if name == b"ds64":
            size_64 = int.from_bytes(os.pread(descriptor, 8, start + 8), "little")
        at = (at if chunks.inclusive else start) + size
        at += -at % chunks.align
        if not start <= at < LARGEST_SIZE:
            return 0
    return 0


def _end(start: int, size: int) -> int:
    """`start + size`; 0 if that size stands for one not known: 0, or about 2 GiB, 4 GiB or more than all disks."""
    unknown = size == 0 or size | 0xFFF in (0x7FFF_FFFF, 0xFFFF_FFFF) or size == 0x8000_0000
    return 0 if unknown or size >= LARGEST_SIZE else start + size


def _sphere_end(head: bytes) -> int:
    """Where the samples end that the header of a NIST Sphere file counts; 0 for other files."""
    if not head.startswith(b"NIST_1A"):
        return 0
    counts = [
        re.search(rb"^%s -i (\d{1,15})$" % name, head, re.MULTILINE)
        for name in (b"sample_count", b"channel_count", b"sample_n_bytes")
    ]
    samples, channels, width = (int(count[1]) if count else 0 for count in counts)
    return 1024 + samples * channels * width
