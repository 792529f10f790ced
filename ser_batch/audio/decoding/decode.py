"""Decode an audio file in blocks of mono samples, by libsndfile or else by FFmpeg."""

import io
from collections.abc import Iterator
from pathlib import Path

from ser_batch.audio.decoding import sndfile
from ser_batch.audio.decoding.common import Array, DecodeError

SAMPLE_RATES = range(1_000, 768_001)
LOUDEST = 1e9  # full scale is 1; squares of more than this leave float32's range further on
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


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
    try:
        return sndfile.blocks(file, head)
    except sndfile.UnknownFormatError as unknown:
        from ser_batch.audio.decoding import ffmpeg

        return ffmpeg.blocks(file.fileno(), str(unknown))


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
