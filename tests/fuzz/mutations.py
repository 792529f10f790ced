"""Mutations of files: bits, lengths, joins, and fields of headers."""

import random
import struct

from ser_batch.audio.decoding import ogg

HEADER_BYTES = 300
VALUES = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x100, 1_000, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 1_000_000, 0x7FFF_FFFF,
          0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)  # fmt: skip


def mutate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """`data` after one to three accidents; some of them bring in pieces of `others`."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(MUTATIONS)(data or b"\0", others, rng)
    if data.startswith(b"OggS") and rng.random() < 0.7:
        data = with_checksums(data)
    return data


def _place(data: bytes, rng: random.Random) -> int:
    return rng.randrange(len(data) if rng.random() < 0.5 else min(len(data), HEADER_BYTES))


def _flip_bits(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 30))):
        flipped[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _truncate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    return data[: _place(data, rng)]


def _set_field(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 2, 4, 4, 4, 8))
    value = rng.choice(VALUES) if rng.random() < 0.7 else rng.getrandbits(8 * size)
    field = struct.pack(rng.choice("<>") + "Q", value & ((1 << 8 * size) - 1))
    field = field[:size] if field[0] or rng.random() < 0.5 else field[-size:]
    place = _place(data, rng) & ~(rng.choice((1, 2, 4)) - 1)
    return data[:place] + field + data[place + size :]


def _overwrite(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    place, size = _place(data, rng), rng.choice((4, 50, 1_000, 20_000))
    junk = bytes(size) if rng.random() < 0.5 else rng.randbytes(size)
    return data[:place] + junk + data[place + size :]


def _remove(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + data[place + rng.choice((1, 4, 100, 5_000)) :]


def _repeat(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    place, size = _place(data, rng), rng.choice((4, 50, 4_000))
    return data[: place + size] + data[place : place + size] * rng.choice((1, 1, 20)) + data[place + size :]


def _splice(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _join(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    return data + rng.choice((data, rng.choice(others), bytes(1_000)))


MUTATIONS = (
    _flip_bits,
    _flip_bits,
    _truncate,
    _set_field,
    _set_field,
    _overwrite,
    _remove,
    _repeat,
    _splice,
    _join,
)


def with_checksums(data: bytes, serial: bytes = b"") -> bytes:
    """Ogg pages with checksums that fit, else no accident within one would reach the decoders; and one `serial`."""
    pages = data.split(b"OggS")
    for k, rest in enumerate(pages[1:], start=1):
        page = b"OggS" + rest
        if len(page) > 27:
            page = page[:14] + (serial or page[14:18]) + page[18:]
            pages[k] = page[4:22] + ogg.checksum(page) + page[26:]
    return b"OggS".join(pages)
