"""Decoding audio files in blocks, through libsndfile: WAV, FLAC, Vorbis, Opus, MP3, AIFF, W64, RF64 and more."""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

import numpy as np
import soundfile

from ser_batch.audio.decoding import mp3, ogg, truncation
from ser_batch.audio.decoding.common import BLOCK_VALUES, UNKNOWN_FRAMES, Array, DecodeError
from ser_batch.audio.decoding.file_parts import FilePart

COUNTED = {"FLAC"}  # formats whose header counts samples, and whose decoder stops early without an error
FOREIGN = {1, 4, 18, 64}  # libsndfile's errors for formats and encodings that it does not know
NO_FRAMES = 7  # what it says of MP3 without a frame that can be decoded: "File does not exist"


class UnknownFormatError(DecodeError):
    """A format or an encoding that libsndfile does not know; the message is libsndfile's."""


def blocks(file: io.FileIO, head: bytes) -> tuple[int, Iterator[Array]]:
    """Open an audio file with libsndfile and read it block by block, mixed down to mono.

    Args:
        file: to stay open while the blocks are read.
        head: its first bytes, at least four if it has so many.

    Returns:
        The sample rate in Hz, and an iterator over float32 `[n]` blocks at that rate.

    Raises:
        UnknownFormatError: libsndfile does not know the format; another decoder may.
        DecodeError: damaged or truncated; while iterating, too.
    """
    source, others, damaged = _sources(file.fileno(), head)
    try:
        sound = _opened(file, source)
    except soundfile.LibsndfileError as error:
        reason = _reason(error)
        if damaged or error.code not in FOREIGN:
            raise DecodeError(f"damaged, or not audio ({reason}): copy or export it again") from None
        raise UnknownFormatError(reason) from None
    return sound.samplerate, _read(sound, others, damaged)


def _opened(file: io.FileIO, source: int | FilePart) -> "_Sound":
    """Open what libsndfile knows, also if a read fails once: another decoder would give other samples."""
    place = source if isinstance(source, FilePart) else file
    place.seek(0)
    try:
        return _Sound(source, closefd=False)
    except soundfile.LibsndfileError as error:
        if error.code not in FOREIGN:
            raise
    place.seek(0)
    return _Sound(source, closefd=False)


def _sources(descriptor: int, head: bytes) -> tuple[int | FilePart, list[FilePart], bool]:
    """What libsndfile is to read, first and then, to get all of a file; and whether a part of it is missing."""
    if head.startswith(b"OggS"):
        links, damaged = ogg.examine(descriptor)
        return descriptor, [FilePart(b"", descriptor, link) for link in links[1:]], damaged
    return mp3.with_true_length(descriptor) or descriptor, [], truncation.is_truncated(descriptor)


class _Sound(soundfile.SoundFile):
    """Read from its beginning to its end, without the seek after each read, which streamed FLAC cannot do."""

    def seekable(self) -> bool:
        return False


def _read(first: _Sound, others: Iterable[FilePart], damaged: bool) -> Iterator[Array]:
    decoded = 0
    for sound in chain([first], map(_joined, others)):
        with sound:
            if sound.samplerate != first.samplerate:
                raise DecodeError(
                    f"the sample rate changes from {first.samplerate} to {sound.samplerate} Hz: split the file there"
                )
            shape = (max(1, BLOCK_VALUES // sound.channels), sound.channels)
            # a new buffer for each block, which whoever takes it may keep
            while frames := _fill(sound, buffer := np.empty(shape, np.float32), decoded):
                decoded += frames
                yield buffer[:frames].mean(axis=1) if sound.channels > 1 else buffer[:frames, 0]
    if damaged or (first.format in COUNTED and decoded < first.frames < UNKNOWN_FRAMES):
        raise DecodeError(_truncated(decoded, first))


def _joined(source: FilePart) -> _Sound:
    try:
        return _Sound(source)
    except soundfile.LibsndfileError as error:
        raise DecodeError(f"what was joined to the first recording is not audio ({_reason(error)})") from None


def _fill(sound: soundfile.SoundFile, buffer: Array, decoded: int) -> int:
    """Read the next frames into `buffer`; by buffer, because `read` trusts the header's length."""
    try:
        return sound.buffer_read_into(buffer.data.cast("B"), dtype="float32")
    except soundfile.LibsndfileError as error:
        with suppress(soundfile.LibsndfileError):
            decoded = max(decoded, sound.tell())  # what it had read of this block
        raise DecodeError(f"{_truncated(decoded, sound)} ({_reason(error)})") from None


def _truncated(decoded: int, sound: soundfile.SoundFile) -> str:
    rate = sound.samplerate
    promised = (
        f" of {sound.frames / rate:.2f} s"
        if sound.format in COUNTED and sound.frames < UNKNOWN_FRAMES
        else ""
    )
    return f"damaged or truncated: {decoded / rate:.2f} s decoded{promised}; copy the file again"


def _reason(error: soundfile.LibsndfileError) -> str:
    return "no frame can be decoded" if error.code == NO_FRAMES else error.error_string.rstrip(".")
