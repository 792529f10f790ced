"""Ogg pages: damaged pages, and chained streams (several recordings in one file), which libsndfile does not report."""

import os
import zlib

MAX_PAGE = 27 + 255 + 255 * 255
FIRST, LAST = 2, 4  # page flags (RFC 3533)
# name, and position and byte order of the sample rate, by the first bytes of the first packet
OTHER_CODECS = {b"\x7fFLAC": ("FLAC", 27, "big"), b"Speex   ": ("Speex", 36, "little")}
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def examine(descriptor: int) -> tuple[list[int], bool, int]:
    """Read the page headers of an Ogg file and check the pages.

    A file whose last page is not marked as the last is whole: Android's recorders do not mark it.

    Args:
        descriptor: of a regular file; its position is not changed.

    Returns:
        Start of each chained stream in bytes; whether a page is damaged, or the file ends inside a page or packet; and
        the granule position of the last page, for most codecs its number of samples.
    """
    links: list[int] = []
    position, flags, sizes, granule = 0, LAST, b"", 0
    while data := os.pread(descriptor, MAX_PAGE, position):
        if not (length := _page_length(data)):
            break
        if data[5] & FIRST and not flags & FIRST:
            links.append(position)
        flags, sizes, granule = data[5], data[27 : 27 + data[26]], int.from_bytes(data[6:14], "little")
        position += length
    # bytes after the last page are not audio: tags, padding
    return links, bool(data and not flags & LAST) or sizes[-1:] == b"\xff", granule


def _page_length(data: bytes) -> int:
    """Length of the page at the start of `data`; 0 if it is incomplete or its checksum is wrong."""
    length = 27 + data[26] + sum(data[27 : 27 + data[26]]) if len(data) > 27 else len(data) + 1
    if data[:4] != b"OggS" or length > len(data):
        return 0
    return length if checksum(data[:length]) == data[22:26] else 0


def checksum(page: bytes) -> bytes:
    """The CRC-32 of a page as stored in its bytes 22 to 25, which count as zeros.

    It is zlib's CRC-32 with the bits in reverse order and without the inversions.
    """
    blank = page[:22] + bytes(4) + page[26:]
    crc = zlib.crc32(blank.translate(REVERSED_BITS), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return crc.to_bytes(4, "big").translate(REVERSED_BITS)


def other_codec(page: bytes) -> tuple[str, int] | None:
    """Name and sample rate in Hz of a codec that libsndfile fails to decode in Ogg, by the first page of the stream."""
    packet = page[27 + int.from_bytes(page[26:27]) :]
    for first, (name, at, order) in OTHER_CODECS.items():
        if packet.startswith(first):
            field = packet[at : at + 4]
            rate = int.from_bytes(field[:3]) >> 4 if order == "big" else int.from_bytes(field, "little")
            return name, rate
    return None
