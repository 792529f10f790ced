"""Decoding: an audio file as blocks of mono samples, through libsndfile or else through FFmpeg."""

import io
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from ser_batch.audio.decoding import sndfile
from ser_batch.audio.decoding.common import Array, DecodeError, Piece
from ser_batch.audio.decoding.mono import Mixer
from ser_batch.stretches import Stretch, is_stretch, split

SAMPLE_RATES = range(1_000, 768_001)
MAX_VALUE = 1e9  # full scale is 1; larger values overflow float32 when they are squared
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
HEAD_BYTES = 512
END_TOLERANCE = 0.05  # seconds that a stretch may end after its file: times in lists are rounded


def blocks(path: str, mixer: Mixer | None = None) -> tuple[int, Iterator[Array]]:
    """Open an audio file and read it block by block, mixed down to mono.

    Args:
        path: file to read; any name that the file system allows; or a stretch of a file (`ser_batch.stretches`).
        mixer: mixes the channels; afterwards its `cancelling` says whether they cancelled each other.

    Returns:
        The sample rate in Hz, and an iterator over float32 `[n]` blocks at that rate, `n > 0`.

    Raises:
        DecodeError: not audio, empty, truncated, with samples that are not finite, or a stretch outside the file; also
            while iterating.
        OSError: the file cannot be opened or read.
    """
    # unbuffered, since libsndfile reads from its descriptor; closed when all blocks are read
    stretch = split(path)
    file = Path(stretch.path).open("rb", buffering=0)  # noqa: SIM115
    try:
        sample_rate, pieces = _open(file)
        if sample_rate not in SAMPLE_RATES:
            raise DecodeError(
                f"a sample rate of {sample_rate} Hz, outside 1 kHz to 768 kHz: the header is wrong, export it again"
            )
    except BaseException:
        file.close()
        raise
    audio = _checked(file, (mixer or Mixer()).blocks(pieces, sample_rate))
    return sample_rate, _cut(audio, sample_rate, stretch) if is_stretch(path) else audio


def _open(file: io.FileIO) -> tuple[int, Iterator[Piece]]:
    head = file.read(HEAD_BYTES)
    if not head:
        raise DecodeError("the file is empty (0 bytes): copy or export it again")
    if head.startswith(LFS_POINTER):
        raise DecodeError("a Git LFS pointer, not audio: run `git lfs pull` where the file came from")
    try:
        return sndfile.pieces(file, head)
    except sndfile.UnknownFormatError as unknown:
        from ser_batch.audio.decoding import ffmpeg

        return ffmpeg.pieces(file.fileno(), str(unknown), unknown.seconds)


def _cut(audio: Generator[Array, None, None], sample_rate: int, stretch: Stretch) -> Iterator[Array]:
    """Pass on the samples of a stretch; fail if it ends after the file."""
    first = round(stretch.start * sample_rate)
    last = None if stretch.end is None else max(first + 1, round(stretch.end * sample_rate))
    position = 0
    with closing(audio):
        for block in audio:
            piece = block[max(0, first - position) : None if last is None else max(0, last - position)]
            position += len(block)
            if len(piece):
                yield piece
            if last is not None and position >= last:
                return
    if position <= first or (last is not None and position < last - END_TOLERANCE * sample_rate):
        to = "" if stretch.end is None else f" to {stretch.end:.3f}"
        raise DecodeError(
            f"the stretch from {stretch.start:.3f}{to} s lies outside the file ({position / sample_rate:.3f} s): "
            "correct its start and end"
        )


def _checked(file: io.FileIO, audio: Iterator[Array]) -> Generator[Array, None, None]:
    """Pass on the blocks; fail if there is none, or if samples are not finite."""
    empty = True
    with file:
        for block in audio:
            if not (block.max() < MAX_VALUE and block.min() > -MAX_VALUE):  # also false for NaN
                raise DecodeError(
                    "samples that are not finite (NaN, infinity, or beyond 1e9): export it again"
                )
            empty = False
            yield block
    if empty:
        raise DecodeError(
            "no audio samples: an empty recording, or one whose header was never completed: repair it with FFmpeg"
        )
