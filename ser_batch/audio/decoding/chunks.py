"""Position and size of the audio in WAV, RF64, W64, AIFF, CAF, AU and NIST Sphere files, by their headers.

Decoders read as far as there are bytes and do not report that a file is truncated.
"""

import os
import re
import struct
from dataclasses import dataclass, replace

from ser_batch.audio.decoding.file_parts import FilePart

MAX_CHUNKS = 10_000
MAX_HEADER = 1 << 20
SLACK_BYTES = 128  # some writers include their header in the size of the audio
LARGEST_SIZE = 2**62
STREAMED = 0xFFFF_FFFF  # size in the header of a WAV whose length is not known
WAV_OR_AIFF = (b"RIFF", b"RF64", b"RIFX", b"FORM")
HARMLESS = (
    b"JUNK",
    b"fact",
    b"FVER",
    b"LIST",
    b"bext",
    b"PEAK",
)  # libsndfile never takes audio for a part of them


@dataclass(frozen=True, slots=True)
class _ChunkFormat:
    """How a family of formats stores its chunks.

    Attributes:
        first: position of the first chunk.
        header: layout of a chunk header, identifier and size.
        audio: identifier of the chunk with the samples.
        align: chunks begin at multiples of this.
        inclusive: whether the size includes the chunk header.
        skip: number of bytes in the audio chunk before the samples.
        format: identifier of the chunk with the encoding.
    """

    first: int
    header: struct.Struct
    audio: bytes
    align: int
    inclusive: bool = False
    skip: int = 0
    format: bytes = b"fmt "


CHUNK_FORMATS = {
    b"RIFF": _ChunkFormat(12, struct.Struct("<4sI"), b"data", 2),
    b"RF64": _ChunkFormat(12, struct.Struct("<4sI"), b"data", 2),
    b"RIFX": _ChunkFormat(12, struct.Struct(">4sI"), b"data", 2),
    b"FORM": _ChunkFormat(12, struct.Struct(">4sI"), b"SSND", 2, skip=8, format=b"COMM"),
    b"caff": _ChunkFormat(8, struct.Struct(">4sQ"), b"data", 1, skip=4),
    b"riff": _ChunkFormat(
        40, struct.Struct("<16sQ"), b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 8, inclusive=True
    ),
}


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """The samples of a file.

    Attributes:
        kind: the first four bytes of the file.
        start: position of the first sample in bytes.
        size: number of bytes by the header; None if the header was written before the length was known.
        available: number of bytes from `start` to the end of the file.
        encoding: content of the `fmt ` chunk of a WAV, or of the `COMM` chunk of an AIFF before the audio, else empty.
        plain: whether no optional chunk precedes the audio.
    """

    kind: bytes
    start: int
    size: int | None
    available: int
    encoding: bytes = b""
    plain: bool = True

    @property
    def present(self) -> int:
        """Number of bytes of audio that the file has."""
        return self.available if self.size is None else min(self.size, self.available)

    @property
    def truncated(self) -> bool:
        """Whether the file is shorter than its header says."""
        return self.size is not None and self.size > self.available + SLACK_BYTES


def find_audio(descriptor: int) -> AudioChunk | None:
    """Find the samples of a file by its header; None for other formats, or a header without audio.

    Args:
        descriptor: of a regular file; its position is not changed.
    """
    head = os.pread(descriptor, 1024, 0)
    kind = head[:4]
    if kind in CHUNK_FORMATS:
        return _audio_chunk(descriptor, kind, CHUNK_FORMATS[kind])
    if kind == b".snd" and len(head) >= 12:
        return _found(descriptor, kind, *struct.unpack(">II", head[4:12]))
    if head.startswith(b"NIST_1A"):
        return _found(descriptor, kind, 1024, _sphere_size(head))
    return None


def with_plain_header(descriptor: int, audio: AudioChunk) -> FilePart | None:
    """The same audio behind a header without optional chunks or placeholder sizes; None if that is not possible.

    For what libsndfile reads wrongly: it takes audio for the content of a malformed chunk before it (`cue `, `acid`),
    fails at others (`PEAK`, `LIST`, `ANNO`), and refuses a CAF whose audio chunk has the size -1.
    """
    size, end = audio.present, audio.start + audio.present
    if audio.kind == b"caff" and audio.size is None and audio.start < MAX_HEADER:
        skip = CHUNK_FORMATS[audio.kind].skip
        head = os.pread(descriptor, audio.start - skip - 8, 0) + struct.pack(">Q", size + skip)
        return FilePart(head, descriptor, audio.start - skip, end)
    if not audio.encoding or audio.kind not in WAV_OR_AIFF:
        return None
    chunks, kind = CHUNK_FORMATS[audio.kind], audio.kind.replace(b"RF64", b"RIFF")
    order = "<" if kind == b"RIFF" else ">"
    head = kind + struct.pack(order + "I", min(size + 512, STREAMED)) + os.pread(descriptor, 4, 8)
    head += chunks.format + struct.pack(order + "I", len(audio.encoding)) + audio.encoding
    head += bytes(len(audio.encoding) % 2)
    head += chunks.audio + struct.pack(order + "I", min(size + chunks.skip, STREAMED)) + bytes(chunks.skip)
    return FilePart(head, descriptor, audio.start, end)


def _audio_chunk(descriptor: int, kind: bytes, chunks: _ChunkFormat) -> AudioChunk | None:
    position, size_64, encoding, plain = chunks.first, 0, b"", True
    for _ in range(MAX_CHUNKS):
        head = os.pread(descriptor, chunks.header.size, position)
        if len(head) < chunks.header.size:
            return None
        name, size = chunks.header.unpack(head)
        start = position + chunks.header.size
        if chunks.inclusive:
            size -= chunks.header.size
        if name == chunks.audio:
            found = _found(descriptor, kind, start + chunks.skip, (size_64 or size) - chunks.skip)
            return replace(found, encoding=encoding, plain=plain)
        if name == b"ds64":
            size_64 = int.from_bytes(os.pread(descriptor, 8, start + 8), "little")
        elif name == chunks.format and size < MAX_HEADER:
            encoding = os.pread(descriptor, size, start)
        elif name not in HARMLESS:
            plain = False
        position = start + size
        position += -position % chunks.align
        if not start <= position < LARGEST_SIZE:
            return None
    return None


def _found(descriptor: int, kind: bytes, start: int, size: int) -> AudioChunk:
    """An `AudioChunk`; placeholder sizes of streamed files (0, about 2 or 4 GiB, at least 2^62) become None."""
    skipped = CHUNK_FORMATS[kind].skip if kind in CHUNK_FORMATS else 0
    full = size + skipped
    unknown = size <= 0 or full | 0xFFF in (0x7FFF_FFFF, 0xFFFF_FFFF) or full == 0x8000_0000
    available = max(0, os.fstat(descriptor).st_size - start)
    return AudioChunk(kind, start, None if unknown or full >= LARGEST_SIZE else size, available)


def _sphere_size(head: bytes) -> int:
    """Number of bytes of audio by the header of a NIST Sphere file."""
    fields = [
        re.search(rb"^%s -i (\d{1,15})$" % name, head, re.MULTILINE)
        for name in (b"sample_count", b"channel_count", b"sample_n_bytes")
    ]
    samples, channels, width = (int(field[1]) if field else 0 for field in fields)
    return samples * channels * width
