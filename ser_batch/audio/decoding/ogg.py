"""What libsndfile does not tell about Ogg files: pages that are damaged, and recordings that follow the first."""

import os
import zlib

LARGEST_PAGE = 27 + 255 + 255 * 255
FIRST, LAST = 2, 4  # flags of a page (RFC 3533)
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def examine(descriptor: int) -> tuple[list[int], bool]:
    """Walk over the pages of an Ogg file.

    That no page is marked as the last is not damage: Android's recorders do not mark it.

    Args:
        descriptor: of a regular file; its position is left alone.

    Returns:
        Where each of the recordings begins that were joined into this file; and whether a page is damaged,
        or the file ends within a page or within a packet.
    """
    links: list[int] = []
    at, flags, sizes = 0, LAST, b""
    while data := os.pread(descriptor, LARGEST_PAGE, at):
        if not (length := _page_length(data)):
            break
        if data[5] & FIRST and not flags & FIRST:
            links.append(at)
        flags, sizes = data[5], data[27 : 27 + data[26]]
        at += length
    # what follows a page that is marked as the last is not audio: tags, zeros
    return links, bool(data and not flags & LAST) or sizes[-1:] == b"\xff"


def _page_length(data: bytes) -> int:
    """The length of the page that `data` begins with; 0 if it is not whole, or not what its checksum says."""
    length = 27 + data[26] + sum(data[27 : 27 + data[26]]) if len(data) > 27 else len(data) + 1
    if data[:4] != b"OggS" or length > len(data):
        return 0
    return length if checksum(data[:length]) == data[22:26] else 0


def checksum(page: bytes) -> bytes:
    """The CRC-32 of a page, as it stands in bytes 22 to 25 of it, which do not count themselves.

    Ogg's is zlib's with the bits in the other order, and without inversions.
    """
    blank = page[:22] + bytes(4) + page[26:]
    crc = zlib.crc32(blank.translate(MIRRORED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return crc.to_bytes(4, "big").translate(MIRRORED)
