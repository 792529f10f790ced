"""MP3 files whose length is not what their header says: libsndfile stops there, whatever follows.

The number of frames stands in a Xing header, a first frame without audio; where there is none, libsndfile
guesses from the bit rate. Files that were joined, or streamed with a variable bit rate, are cut short by this.
"""

import os
from functools import cache
from itertools import product

from ser_batch.audio.decoding.file_parts import FilePart

SCAN_BYTES = 1 << 20
LONGEST_FRAME = 1_441
# the header's numbers for version and sample rate (ISO/IEC 11172-3 and 13818-3; MPEG 2.5 is Fraunhofer's)
RATES = {0: (11_025, 12_000, 8_000), 2: (22_050, 24_000, 16_000), 3: (44_100, 48_000, 32_000)}
MPEG_1 = 3
BIT_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s
BIT_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def with_true_length(descriptor: int) -> FilePart | None:
    """The same MP3 with a header that counts all frames there are; None if its own counts as many, or more.

    Args:
        descriptor: of a regular file, to stay open while the result is read; its position is left alone.

    Returns:
        A file to be read instead; None also for what is not MP3.
    """
    start = _first_frame(descriptor)
    head = os.pread(descriptor, LONGEST_FRAME, start)
    lengths = frame_lengths(head[:3])
    if not lengths:
        return None
    frames = _count(descriptor, start, lengths)
    xing = max(head[:64].find(b"Xing"), head[:64].find(b"Info"))
    if xing > 0 and head[xing + 7 : xing + 8] and head[xing + 7] & 1:
        if int.from_bytes(head[xing + 8 : xing + 12]) >= frames - 1:
            return None
        first = head[: xing + 8] + (frames - 1).to_bytes(4)
        return FilePart(first, descriptor, start + len(first))
    return FilePart(_xing_frame(head[:4], frames), descriptor, start)


def _first_frame(descriptor: int) -> int:
    """Where the first frame begins, after ID3v2 tags."""
    at = 0
    while (tag := os.pread(descriptor, 10, at))[:3] == b"ID3" and len(tag) == 10:
        at += 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    return at


@cache
def frame_lengths(header: bytes) -> dict[bytes, int]:
    """The length in bytes of each frame that may follow one, by its first three bytes.

    Args:
        header: the first three bytes of a frame.

    Returns:
        The layer III frames of the same version and sample rate; nothing if it is no such frame itself.
    """
    if len(header) < 3:
        return {}
    version, layer, rate_index = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] < 0xE0 or layer != 1 or version not in RATES or rate_index == 3:
        return {}
    rate = RATES[version][rate_index]
    lengths = {}
    for index, padding, private, no_crc in product(range(1, 15), (0, 1), (0, 1), (0, 1)):
        bits = 144_000 * BIT_RATES_1[index] if version == MPEG_1 else 72_000 * BIT_RATES_2[index]
        second = 0xE0 | version << 3 | layer << 1 | no_crc
        third = index << 4 | rate_index << 2 | padding << 1 | private
        lengths[bytes((0xFF, second, third))] = bits // rate + padding
    return lengths


def _count(descriptor: int, at: int, lengths: dict[bytes, int]) -> int:
    """How many frames there are; what is not a frame is skipped. Rather one too many than one too few."""
    frames = 0
    while len(data := os.pread(descriptor, SCAN_BYTES + 2 * LONGEST_FRAME, at)) > 2:
        position, end = 0, min(SCAN_BYTES, len(data) - 2)
        while position < end:
            length = lengths.get(data[position : position + 3])
            if length:
                frames += 1
                position += length
            else:
                position = _next_frame(data, position + 1, lengths)
        at += position
    return frames


def _next_frame(data: bytes, position: int, lengths: dict[bytes, int]) -> int:
    """Where the next frame begins that another one follows, or where it could, close to the end."""
    found = position
    while (found := data.find(b"\xff", found)) >= 0:
        length = lengths.get(data[found : found + 3])
        if length and data[found + length : found + length + 3] in lengths:
            return found
        found += 1
    return max(position, len(data) - 2 * LONGEST_FRAME)


def _xing_frame(header: bytes, frames: int) -> bytes:
    """A frame without audio that tells the number of those that follow; `header` is the first one's."""
    version, mono = header[1] >> 3 & 3, header[3] >> 6 == 3
    start = bytes((0xFF, header[1] | 1, 14 << 4 | header[2] & 0b1100))
    side_information = 17 if mono == (version == MPEG_1) else 9 if mono else 32
    frame = start + header[3:4] + bytes(side_information) + b"Xing" + (1).to_bytes(4) + frames.to_bytes(4)
    return frame.ljust(frame_lengths(start)[start], b"\0")
