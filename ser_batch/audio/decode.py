"""Decoding audio files in blocks, through libsndfile: WAV, FLAC, Vorbis, Opus, MP3, AIFF, W64, RF64 and more."""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_batch.audio import endings, mp3, ogg
from ser_batch.audio.spliced import Spliced
from ser_batch.errors import SerBatchError

BLOCK_VALUES = 65_536  # samples times channels: a block stays in the processor's cache
SAMPLE_RATES = range(1_000, 768_001)
LOUDEST = 1e9  # full scale is 1; squares of more than this leave float32's range further on
COUNTED = {"FLAC"}  # formats whose header counts samples, and whose decoder stops early without an error
UNCOUNTED = 2**63 - 1  # libsndfile's number of frames of a file that was streamed: not known
FOREIGN = {1, 4, 18, 64}  # libsndfile's errors for formats and encodings that it does not know
NO_FRAMES = 7  # what it says of MP3 without a frame that can be decoded: "File does not exist"

LFS_POINTER = b"version https://git-lfs.github.com/spec/"

Array = NDArray[np.float32]


class DecodeError(SerBatchError):
    """A file that is not audio, or not all of the audio that it says it is."""


def blocks(path: str) -> tuple[int, Iterator[Array]]:
    """Open an audio file and read it block by block, mixed down to mono.

    Args:
        path: file to read; any name the file system allows.

    Returns:
        The sample rate in Hz, and an iterator over float32 `[n]` blocks at that rate, `n > 0`.

    Raises:
        DecodeError: not audio, empty, truncated, or with samples that are not finite; while iterating, too.
        OSError: the file cannot be opened or read.
    """
    # unbuffered, since libsndfile reads from its descriptor; closed when all blocks are read
    file = Path(path).open("rb", buffering=0)  # noqa: SIM115
    try:
        sample_rate, audio = _open(file)
        if sample_rate not in SAMPLE_RATES:
            raise DecodeError(
                f"a sample rate of {sample_rate} Hz, outside 1 kHz to 768 kHz: the header is wrong"
            )
    except BaseException:
        file.close()
        raise
    return sample_rate, _checked(file, audio)


def _open(file: io.FileIO) -> tuple[int, Iterator[Array]]:
    head = file.read(len(LFS_POINTER))
    if not head:
        raise DecodeError("the file is empty (0 bytes): copy or export it again")
    if head == LFS_POINTER:
        raise DecodeError("a Git LFS pointer, not audio: run `git lfs pull` where the file came from")
    source, others, damaged = _sources(file.fileno(), head)
    try:
        sound = _opened(file, source)
    except soundfile.LibsndfileError as error:
        reason = _reason(error)
        if damaged or error.code not in FOREIGN:
            raise DecodeError(f"damaged, or not audio ({reason}): copy or export it again") from None
        from ser_batch.audio import foreign

        return foreign.blocks(file.fileno(), reason)
    return sound.samplerate, _read(sound, others, damaged)


def _opened(file: io.FileIO, source: int | Spliced) -> "_Sound":
    """Open what libsndfile knows, also if a read fails once: another decoder would give other samples."""
    place = source if isinstance(source, Spliced) else file
    place.seek(0)
    try:
        return _Sound(source, closefd=False)
    except soundfile.LibsndfileError as error:
        if error.code not in FOREIGN:
            raise
    place.seek(0)
    return _Sound(source, closefd=False)


def _sources(descriptor: int, head: bytes) -> tuple[int | Spliced, list[Spliced], bool]:
    """What libsndfile is to read, first and then, to get all of a file; and whether a part of it is missing."""
    if head.startswith(b"OggS"):
        links, damaged = ogg.examine(descriptor)
        return descriptor, [Spliced(b"", descriptor, link) for link in links[1:]], damaged
    return mp3.with_true_length(descriptor) or descriptor, [], endings.is_cut_off(descriptor)


class _Sound(soundfile.SoundFile):
    """Read from its beginning to its end, without the seek after each read, which streamed FLAC cannot do."""

    def seekable(self) -> bool:
        return False


def _checked(file: io.FileIO, audio: Iterator[Array]) -> Iterator[Array]:
    """Pass on blocks of numbers that can be computed with; there must be one."""
    heard = False
    with file:
        for block in audio:
            if not (block.max() < LOUDEST and block.min() > -LOUDEST):  # false for NaN, too
                raise DecodeError(
                    "samples that are not finite (NaN, infinity, or beyond 1e9): export it again"
                )
            heard = True
            yield block
    if not heard:
        raise DecodeError("no audio samples: an empty recording, or one whose header was never completed")


def _read(first: _Sound, others: Iterable[Spliced], damaged: bool) -> Iterator[Array]:
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
    if damaged or (first.format in COUNTED and decoded < first.frames < UNCOUNTED):
        raise DecodeError(_truncated(decoded, first))


def _joined(source: Spliced) -> _Sound:
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
        f" of {sound.frames / rate:.2f} s" if sound.format in COUNTED and sound.frames < UNCOUNTED else ""
    )
    return f"damaged or truncated: {decoded / rate:.2f} s decoded{promised}; copy the file again"


def _reason(error: soundfile.LibsndfileError) -> str:
    return "no frame can be decoded" if error.code == NO_FRAMES else error.error_string.rstrip(".")
