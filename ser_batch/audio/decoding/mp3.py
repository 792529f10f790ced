"""MP3 files: runs of MPEG audio frames of one format, found and counted without decoding.

libsndfile stops where the number of frames in the Xing header or its own estimate ends, and where the format changes,
and it does not find frames behind other bytes. Each run becomes a file of its own with a correct Xing header.
Frame header: ISO/IEC 11172-3 and 13818-3, and Fraunhofer's MPEG 2.5.
"""

import os
from dataclasses import dataclass
from functools import cache
from itertools import product

from ser_batch.audio.decoding.file_parts import FilePart

SCAN_BYTES = 1 << 20
MAX_FRAME = 2_881
MAX_LEADING_BYTES = 1 << 24  # searched for a first frame
MPEG_1 = 3  # version in a frame header
LAYER_1, LAYER_2, LAYER_3 = 3, 2, 1  # layers in a frame header
RATES = {0: (11_025, 12_000, 8_000), 2: (22_050, 24_000, 16_000), MPEG_1: (44_100, 48_000, 32_000)}
BIT_RATES = {  # kbit/s of the indices 1 to 14, by MPEG 1 or not, and layer
    (True, LAYER_1): range(32, 449, 32),
    (True, LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, LAYER_1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, LAYER_2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, LAYER_3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
VBRI_AT = 36  # position of Fraunhofer's header in a first frame without audio
LAME_DELAY_AT = 21  # position of the encoder's delay and padding after the Xing fields


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one format: `[start, end)` in bytes, the number of frames, and the header of the first (4 bytes)."""

    start: int
    end: int
    frames: int
    header: bytes

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz."""
        return RATES[self.header[1] >> 3 & 3][self.header[2] >> 2 & 3]

    @property
    def samples_per_frame(self) -> int:
        """Samples per channel of a frame: 384 (layer I), 576 (layer III of MPEG 2 and 2.5) or 1,152."""
        version, layer = self.header[1] >> 3 & 3, self.header[1] >> 1 & 3
        if layer == LAYER_1:
            return 384
        return 576 if layer == LAYER_3 and version != MPEG_1 else 1_152

    def part(self, descriptor: int) -> tuple[FilePart | None, int]:
        """Return the run as a file of its own, and how many samples it has at least.

        A Xing header that counts too few frames is corrected; a run with a VBRI header or none gets one. The file is
        None if it needs no change.
        """
        frame = os.pread(descriptor, MAX_FRAME, self.start)
        xing = max(frame[:64].find(b"Xing"), frame[:64].find(b"Info"))
        samples = self.samples_per_frame * self.frames
        if self.header[1] >> 1 & 3 != LAYER_3:
            return None, samples
        if frame[VBRI_AT : VBRI_AT + 4] == b"VBRI":
            head = _xing_frame(self.header, self.frames - 1)
            start = self.start + _length(self.header, frame[:4])
            return FilePart(head, descriptor, start, self.end), samples - self.samples_per_frame
        flags = frame[xing + 7] if xing > 0 and len(frame) > xing + 7 else 0
        if not flags & 1:
            head = _xing_frame(self.header, self.frames)
            return FilePart(head, descriptor, self.start, self.end), samples
        lame = xing + 8 + 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + (flags & 8) // 2
        trimmed = int.from_bytes(frame[lame + LAME_DELAY_AT : lame + LAME_DELAY_AT + 3])
        samples = max(0, samples - self.samples_per_frame - (trimmed >> 12) - (trimmed & 0xFFF))
        if int.from_bytes(frame[xing + 8 : xing + 12]) >= self.frames - 1:
            return None, samples
        head = frame[: xing + 8] + (self.frames - 1).to_bytes(4)
        if flags & 2:
            head += (self.end - self.start).to_bytes(8)[-4:]
        return FilePart(head, descriptor, self.start + len(head), self.end), samples


def runs(descriptor: int, position: int) -> list[Run]:
    """Find the frames of an MP3 file; other bytes before and between them are skipped.

    Args:
        descriptor: of a regular file; its position is not changed.
        position: where the first frame should be, behind the ID3v2 tags.

    Returns:
        The runs in order; none if this is not MPEG audio.
    """
    file = _Reader(descriptor)
    start = _first_frame(file, position)
    if start is None:
        return []
    found: list[Run] = []
    header, frames, end, covered = file.read(start, 4), 0, start, 0
    at: int | None = start
    while at is not None:
        more, stop = _consecutive(file, at, header)
        if more:
            frames, covered, at, end = frames + more, covered + stop - at, stop, stop
        elif _is_chain(file, at, 3):
            found.append(Run(start, end, frames, header))
            header, frames, start = file.read(at, 4), 0, at
        else:
            at = file.find(at + 1, file.size)
    found.append(Run(start, min(end, file.size), frames, header))
    is_mpeg = found[0].start == position or 2 * covered > file.size - found[0].start
    return found if is_mpeg else []  # else some bytes of other data that look like frames


class _Reader:
    """Random access to the bytes of a file, with one large read for many small ones."""

    def __init__(self, descriptor: int):
        self.size = os.fstat(descriptor).st_size
        self._descriptor, self._start, self._data = descriptor, 0, b""

    def read(self, position: int, length: int) -> bytes:
        offset = position - self._start
        if offset < 0 or offset + length > len(self._data):
            self._start, offset = position, 0
            self._data = os.pread(self._descriptor, max(SCAN_BYTES, length), position)
        return self._data[offset : offset + length]

    def find(self, position: int, end: int) -> int | None:
        """Position of the next byte 0xFF, with which all frames begin; None if there is none before `end`."""
        while position < end and self.read(position, 1):
            at = self._data.find(b"\xff", position - self._start)
            if at >= 0:
                return self._start + at
            position = self._start + len(self._data)
        return None


def _first_frame(file: _Reader, position: int) -> int | None:
    """Position of the first frame: the expected one, else the first of three frames in a row."""
    header = file.read(position, 4)
    length = _length(header, header)
    if length and (position + length >= file.size or _is_chain(file, position, 2)):
        return position
    found = file.find(0, MAX_LEADING_BYTES)
    while found is not None and not _is_chain(file, found, 3):
        found = file.find(found + 1, MAX_LEADING_BYTES)
    return found


def _consecutive(file: _Reader, start: int, header: bytes) -> tuple[int, int]:
    """Number of frames in a row of the format of `header` from `start` on, and their end."""
    lengths, mono = frame_lengths(header[:3]), header[3] >= 0xC0
    frames = 0
    while True:
        data, position = file.read(start, SCAN_BYTES), 0
        while position + 3 < len(data) and (data[position + 3] >= 0xC0) == mono:
            length = lengths.get(data[position : position + 3])
            if not length:
                break
            frames += 1
            position += length
        start += position
        if not position or position + 3 < len(data):
            return frames, start


def _is_chain(file: _Reader, position: int, n: int) -> bool:
    """Whether `n` frames of one format begin at `position`, one behind the other."""
    header = file.read(position, 4)
    for _ in range(n):
        length = _length(header, file.read(position, 4))
        if not length:
            return False
        position += length
    return True


def _length(header: bytes, other: bytes) -> int:
    """Length in bytes of the frame with the header `other`; 0 if it is not a frame of the format of `header`."""
    if len(other) < 4 or (header[3] >= 0xC0) != (other[3] >= 0xC0):
        return 0
    return frame_lengths(header[:3]).get(other[:3], 0)


@cache
def frame_lengths(header: bytes) -> dict[bytes, int]:
    """Lengths in bytes of all frames of one format, by their first three bytes.

    Args:
        header: the first three bytes of a frame of this format.

    Returns:
        Frames of the same version, layer and sample rate; of layers I and II also of the same bit rate, from which
        libsndfile computes the length of the file. Empty if `header` is not a frame header.
    """
    if len(header) < 3:
        return {}
    version, layer, rate_index = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] < 0xE0 or layer == 0 or version not in RATES or rate_index == 3:
        return {}
    rate, bit_rates = RATES[version][rate_index], BIT_RATES[version == MPEG_1, layer]
    indices = range(1, 15) if layer == LAYER_3 else {header[2] >> 4} & set(range(1, 15))
    lengths = {}
    for index, padding, private, no_crc in product(indices, (0, 1), (0, 1), (0, 1)):
        bits = 1_000 * bit_rates[index - 1]
        second = 0xE0 | version << 3 | layer << 1 | no_crc
        third = index << 4 | rate_index << 2 | padding << 1 | private
        if layer == LAYER_1:
            length = 4 * (12 * bits // rate + padding)
        else:
            length = (72 if layer == LAYER_3 and version != MPEG_1 else 144) * bits // rate + padding
        lengths[bytes((0xFF, second, third))] = length
    return lengths


def _xing_frame(header: bytes, frames: int) -> bytes:
    """A frame without audio whose Xing header counts the frames that follow, of which `header` is the first one's."""
    version, mono = header[1] >> 3 & 3, header[3] >= 0xC0
    start = bytes((0xFF, header[1] | 1, 14 << 4 | header[2] & 0b1100))
    side_information = 17 if mono == (version == MPEG_1) else 9 if mono else 32
    frame = start + header[3:4] + bytes(side_information) + b"Xing" + (1).to_bytes(4) + frames.to_bytes(4)
    return frame.ljust(frame_lengths(start)[start], b"\0")
