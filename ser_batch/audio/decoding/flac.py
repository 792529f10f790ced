"""FLAC streams in a file: their positions and numbers of samples, by their last frames instead of their headers.

libsndfile stops at the number of samples in STREAMINFO, ignores a second stream in the file, and reports bytes behind
the last frame as damage. Format: RFC 9639.
"""

import os
from dataclasses import dataclass

from ser_batch.audio.decoding.file_parts import FilePart

MARKER = b"fLaC"
STREAMINFO = 34  # its length in bytes; 4 bytes of marker and 4 of block header precede it
BLOCK_HEADERS = (bytes((0, 0, 0, STREAMINFO)), bytes((0x80, 0, 0, STREAMINFO)))
TOTAL_AT = 21  # position of the byte with the highest bits of the number of samples
SCAN_BYTES = 1 << 20
BLOCK_SIZES = (0, 192, 576, 1_152, 2_304, 4_608, 0, 0, *(256 << k for k in range(8)))
SAMPLE_BITS = {0: None, 1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}


@dataclass(frozen=True, slots=True)
class Stream:
    """A FLAC stream: `[start, end)` in bytes, `samples` per channel, also by its header (0: unknown), `rate` in Hz."""

    start: int
    end: int
    samples: int
    promised: int
    rate: int

    def part(self, descriptor: int) -> FilePart | None:
        """Return the stream as a file of its own with a correct header; None if the file itself is that."""
        if self.start == 0 and self.samples == self.promised:
            return None
        head = bytearray(os.pread(descriptor, TOTAL_AT + 5, self.start))
        head[TOTAL_AT] = head[TOTAL_AT] & 0xF0 | self.samples >> 32
        head[TOTAL_AT + 1 :] = (self.samples & 0xFFFF_FFFF).to_bytes(4)
        return FilePart(bytes(head), descriptor, self.start + len(head), self.end)


def streams(descriptor: int, start: int) -> list[Stream]:
    """Find the FLAC streams of a file.

    Args:
        descriptor: of a regular file; its position is not changed.
        start: position of the first stream.

    Returns:
        The streams in order; none if there is no FLAC stream at `start`.
    """
    starts = _starts(descriptor, start)
    ends = [*starts[1:], os.fstat(descriptor).st_size]
    return [_stream(descriptor, start, end) for start, end in zip(starts, ends, strict=False)]


def _starts(descriptor: int, position: int) -> list[int]:
    found: list[int] = []
    while len(data := os.pread(descriptor, SCAN_BYTES + 8, position)) >= 8:
        if not found and not data.startswith(MARKER):
            break
        at = data.find(MARKER)
        while 0 <= at < SCAN_BYTES:
            if data[at + 4 : at + 8] in BLOCK_HEADERS:
                found.append(position + at)
            at = data.find(MARKER, at + 4)
        position += SCAN_BYTES
    return found


def _stream(descriptor: int, start: int, end: int) -> Stream:
    info = os.pread(descriptor, STREAMINFO, start + 8).ljust(STREAMINFO, b"\0")
    packed = int.from_bytes(info[10:18])
    rate, bits, promised = packed >> 44, (packed >> 36 & 0x1F) + 1, packed & 0xF_FFFF_FFFF
    largest = int.from_bytes(info[7:10]) or SCAN_BYTES
    # the last frame begins within the largest frame's length of the end, except for bytes that follow the stream
    first = max(start + 8 + STREAMINFO, end - min(2 * largest + 65_536, 2 * SCAN_BYTES))
    data = os.pread(descriptor, end - first, first)
    fixed = int.from_bytes(info[2:4])
    position = len(data)
    while (position := data.rfind(b"\xff", 0, position)) >= 0:
        if last := _frame_end(data[position : position + 16], fixed, bits, packed >> 41 & 7):
            return Stream(start, end, max(last, promised), promised, rate)
    return Stream(start, end, promised, promised, rate)


def _frame_end(header: bytes, block_size: int, bits: int, channels: int) -> int:
    """Number of the sample after a frame, by its header; 0 if these bytes are not a frame header of this stream.

    Args:
        header: 16 bytes, of which a frame header takes up to 16.
        block_size: samples of a block, if they are constant.
        bits: per sample, by STREAMINFO.
        channels: number of channels minus one, by STREAMINFO.
    """
    if len(header) < 16 or header[1] not in (0xF8, 0xF9) or header[3] & 1:
        return 0
    size_code, rate_code = header[2] >> 4, header[2] & 15
    channel_code, bits_code = header[3] >> 4, header[3] >> 1 & 7
    if size_code == 0 or rate_code == 15 or SAMPLE_BITS.get(bits_code, -1) not in (None, bits):
        return 0
    if channel_code != channels and not (channels == 1 and 8 <= channel_code <= 10):
        return 0
    ones = 8 - (header[4] ^ 0xFF).bit_length()
    if ones in (1, 8):
        return 0
    position = 4 + max(1, ones)
    number = header[4] & (0x7F >> ones)
    for byte in header[5:position]:
        number = number << 6 | byte & 0x3F
    size = BLOCK_SIZES[size_code]
    if size_code in (6, 7):
        length = size_code - 5
        size = int.from_bytes(header[position : position + length]) + 1
        position += length
    position += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if position > 15 or _crc_8(header[:position]) != header[position]:
        return 0
    return (number if header[1] == 0xF9 else number * block_size) + size


def _crc_8(data: bytes) -> int:
    """CRC-8 with the polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
    return crc
