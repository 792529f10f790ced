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
SAMPLE_BITS = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
RATES = dict(
    enumerate((88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000), 1)
)
RATE_UNITS = {12: 1_000, 13: 1, 14: 10}


@dataclass(frozen=True, slots=True)
class Stream:
    """A FLAC stream.

    Attributes:
        start: its first byte.
        end: the first byte behind it.
        samples: number of samples per channel, by the last frame or the header, whichever is more; 0 if unknown.
        promised: number of samples per channel by the header; 0 if unknown.
        rate: sample rate in Hz.
        changes: whether the last frame has another sample rate, number of channels or sample size than the header.
    """

    start: int
    end: int
    samples: int
    promised: int
    rate: int
    changes: bool

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
    least, most = int.from_bytes(info[:2]), int.from_bytes(info[2:4])
    packed = int.from_bytes(info[10:18])
    rate, promised = packed >> 44, packed & 0xF_FFFF_FFFF
    format_ = rate, (packed >> 41 & 7) + 1, (packed >> 36 & 0x1F) + 1
    # two of the largest frames, and bytes that follow the stream
    length = min(2 * int.from_bytes(info[7:10]) + SCAN_BYTES // 8, 2 * SCAN_BYTES)
    first = max(start + 8 + STREAMINFO, end - length)
    data = os.pread(descriptor, max(0, end - first), first)
    ends: dict[
        int, tuple[int, bool]
    ] = {}  # by the number of their first sample: the frames that may be the last one
    position = len(data)
    while (position := data.rfind(b"\xff", 0, position)) >= 0:
        if frame := _frame(data[position : position + 16], most if least == most else 1, format_):
            sample, size, changes = frame
            ends.setdefault(sample, (sample + size, changes))
            # a frame is not a coincidence if it follows another one, or is the only one
            last, changes = ends.get(sample + size, (0, False)) if sample else ends[0]
            if last:
                return Stream(start, end, max(last, promised), promised, rate, changes)
    return Stream(start, end, promised, promised, rate, changes=False)


def _frame(header: bytes, block_size: int, format_: tuple[int, int, int]) -> tuple[int, int, bool] | None:
    """Read a frame header.

    Args:
        header: 16 bytes, or fewer at the end of the file.
        block_size: number of samples of a block if it is constant, else 1.
        format_: sample rate in Hz, number of channels and bits per sample of the stream.

    Returns:
        Number of the first sample, number of samples, and whether the format differs; None if it is no frame header.
    """
    if len(header) < 6 or header[1] not in (0xF8, 0xF9) or header[3] & 1:
        return None
    size_code, rate_code = header[2] >> 4, header[2] & 15
    channel_code, bits_code = header[3] >> 4, header[3] >> 1 & 7
    ones = 8 - (header[4] ^ 0xFF).bit_length()
    if size_code == 0 or rate_code == 15 or channel_code > 10 or bits_code == 3 or ones in (1, 8):
        return None
    position = 4 + max(1, ones)
    number = header[4] & (0x7F >> ones)
    for byte in header[5:position]:
        number = number << 6 | byte & 0x3F
    size = BLOCK_SIZES[size_code]
    if size_code in (6, 7):
        size = int.from_bytes(header[position : position + size_code - 5]) + 1
        position += size_code - 5
    rate = RATES.get(rate_code, 0)
    if rate_code > 11:
        width = 1 if rate_code == 12 else 2
        rate = int.from_bytes(header[position : position + width]) * RATE_UNITS[rate_code]
        position += width
    if position >= len(header) or _crc_8(header[:position]) != header[position]:
        return None
    channels = channel_code + 1 if channel_code < 8 else 2
    found = rate, channels, SAMPLE_BITS.get(bits_code, 0)
    changes = any(value and value != expected for value, expected in zip(found, format_, strict=True))
    return (number if header[1] == 0xF9 else number * block_size), size, changes


def _crc_8(data: bytes) -> int:
    """CRC-8 with the polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
    return crc
