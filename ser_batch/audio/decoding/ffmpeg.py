"""Decoding what libsndfile does not know: AAC, WMA, AMR, … in m4a, mp4, webm, …, by FFmpeg (the extra `av`)."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ser_batch.audio.decoding.common import BLOCK_VALUES, Array, DecodeError
from ser_batch.audio.decoding.file_parts import FilePart

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

# Files that hold their audio themselves: a playlist would make FFmpeg open other files, or the network.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,avi,flv,mpegts,mpeg,"
    "aac,ac3,eac3,amr,amrnb,amrwb,ape,dts,mpc,mpc8,tta,wv,wav,caf,ogg"
)
TIMED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")  # whose duration is written in them, not estimated
SLACK_SECONDS = 0.25  # what encoders pad with, and edit lists leave out


def blocks(descriptor: int, reason: str) -> tuple[int, Iterator[Array]]:
    """Read the first audio track of a file, mixed down to mono, without the priming samples it declares.

    Args:
        descriptor: of a regular file, to stay open while the blocks are read.
        reason: why libsndfile did not read it.

    Returns:
        The sample rate in Hz, and an iterator over float32 `[n]` blocks at that rate.

    Raises:
        DecodeError: no audio, damaged or truncated; while iterating, too. Also when the extra is not installed.
    """
    frames = _frames(_opened(descriptor, reason))
    sample_rate, first = next(frames, (0, None))
    if first is None:
        raise DecodeError("no audio samples: an empty recording, or one whose header was never completed")
    return sample_rate, _joined(chain([(sample_rate, first)], frames), sample_rate)


def _opened(descriptor: int, reason: str) -> "InputContainer":
    try:
        import av
    except ImportError:
        raise DecodeError(
            f"not audio that libsndfile reads ({reason}); "
            "if it is m4a, mp4, aac, wma, webm, amr or the like: pip install 'ser-batch[av]'"
        ) from None
    file = FilePart(b"", descriptor, 0)
    try:
        container = av.open(file, "r", options={"format_whitelist": CONTAINERS}, metadata_errors="replace")
    except (av.FFmpegError, ValueError):
        raise DecodeError(
            f"not audio that libsndfile ({reason}) or FFmpeg reads, or cut off: copy or export it again"
        ) from None
    if not container.streams.audio:
        container.close()
        raise DecodeError("no audio track: nothing to annotate")
    return container


def _frames(container: "InputContainer") -> Iterator[tuple[int, Array]]:
    """Decode the first audio track: sample rate and mono samples of each frame."""
    import av

    seconds = 0.0
    with container:
        try:
            for frame in container.decode(container.streams.audio[0]):
                seconds += frame.samples / frame.sample_rate
                yield frame.sample_rate, _mono(frame)
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DecodeError(
                f"damaged or truncated: {seconds:.2f} s decoded ({reason}); copy it again"
            ) from None
        promised = _promised_seconds(container)
    if seconds + SLACK_SECONDS < promised:
        raise DecodeError(
            f"damaged or truncated: {seconds:.2f} s decoded of {promised:.2f} s; copy the file again"
        )


def _promised_seconds(container: "InputContainer") -> float:
    """How long the first audio track is by what the file says; 0 if it does not say so."""
    stream = container.streams.audio[0]
    if container.format.name not in TIMED:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.video:
        return container.duration / 1e6
    return 0.0


def _mono(frame: "AudioFrame") -> Array:
    samples = frame.to_ndarray()
    if frame.format.is_packed:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "f":
        return samples.mean(axis=0, dtype=np.float32)
    middle = 128 if samples.dtype.kind == "u" else 0
    full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
    return ((samples.mean(axis=0) - middle) / full_scale).astype(np.float32)


def _joined(frames: Iterator[tuple[int, Array]], sample_rate: int) -> Iterator[Array]:
    """Join frames, which are short, into blocks."""
    held: list[Array] = []
    for rate, samples in frames:
        if rate != sample_rate:
            raise DecodeError(
                f"the sample rate changes from {sample_rate} to {rate} Hz: split the file there"
            )
        held.append(samples)
        if sum(map(len, held)) >= BLOCK_VALUES:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)
