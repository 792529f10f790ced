"""Decoding audio files in blocks, through libsndfile: WAV, FLAC, Vorbis, Opus, MP3, AIFF, W64, RF64 and more."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError

BLOCK_VALUES = 65_536  # samples times channels: a block stays in the processor's cache
SAMPLE_RATES = range(1_000, 768_001)
EXACT_LENGTH_FORMATS = {"FLAC"}  # whose header counts samples, and whose decoder stops early without an error

UNSUPPORTED_SUFFIXES = {".m4a", ".mp4", ".aac", ".wma", ".webm"}
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
    with Path(path).open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if not head:
        raise DecodeError("the file is empty (0 bytes): copy or export it again")
    if head == LFS_POINTER:
        raise DecodeError("a Git LFS pointer, not audio: run `git lfs pull` where the file came from")
    try:
        sound = soundfile.SoundFile(os.fsencode(path))
    except soundfile.LibsndfileError as error:
        if Path(path).suffix.lower() in UNSUPPORTED_SUFFIXES:
            raise DecodeError(
                "a format that libsndfile does not read: convert it to FLAC, with ffmpeg say"
            ) from None
        raise DecodeError(f"not audio that libsndfile reads ({error.error_string.rstrip('.')})") from None
    if sound.samplerate not in SAMPLE_RATES:
        sound.close()
        raise DecodeError(
            f"a sample rate of {sound.samplerate} Hz, outside 1 kHz to 768 kHz: the header is wrong"
        )
    return sound.samplerate, _read(sound)


def _read(sound: soundfile.SoundFile) -> Iterator[Array]:
    decoded = 0
    buffer = np.empty((max(1, BLOCK_VALUES // sound.channels), sound.channels), np.float32)
    with sound:
        while frames := _fill(sound, buffer, decoded):
            decoded += frames
            mono = buffer[:frames].mean(axis=1) if sound.channels > 1 else buffer[:frames, 0].copy()
            if not np.isfinite(mono).all():
                raise DecodeError("samples that are not finite (NaN or infinity): export the file again")
            yield mono
        if sound.format in EXACT_LENGTH_FORMATS and decoded < sound.frames:
            raise DecodeError(_truncated(decoded, sound))
    if not decoded:
        raise DecodeError("no audio samples after the header: copy or export it again")


def _fill(sound: soundfile.SoundFile, buffer: Array, decoded: int) -> int:
    """Read the next frames into `buffer`; by buffer, because `read` trusts the header's length."""
    try:
        return sound.buffer_read_into(buffer.data.cast("B"), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise DecodeError(f"{_truncated(decoded, sound)} ({error.error_string.rstrip('.')})") from None


def _truncated(decoded: int, sound: soundfile.SoundFile) -> str:
    rate = sound.samplerate
    return (
        f"damaged or truncated: {decoded / rate:.2f} s decoded of {sound.frames / rate:.2f} s "
        f"that the header promises; copy the file again"
    )
