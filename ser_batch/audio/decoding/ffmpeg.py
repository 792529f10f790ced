"""Decoding through FFmpeg (the extra `av`): AAC, WMA, AMR, m4a, mp4, webm and more that libsndfile does not know."""

import ctypes
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ser_batch.audio.decoding.common import Array, DecodeError, Piece
from ser_batch.audio.decoding.file_parts import FilePart, end_of_id3

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Files that contain their audio: with a playlist FFmpeg would open other files or network addresses.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,avi,flv,mpegts,mpeg,"
    "aac,ac3,eac3,amr,amrnb,amrwb,ape,dts,mpc,mpc8,tta,wv,wav,caf,ogg,flac"
)
# with an exact duration in the header; others have an estimate
TIMED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "wv", "ape", "tta")
SLACK_SECONDS = 0.25  # the last packet may end this much before the end of the audio
TAIL_SECONDS = 0.05
DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


def pieces(descriptor: int, reason: str, seconds: float | None = None) -> tuple[int, Iterator[Piece]]:
    """Decode the first audio track of a file, without the priming samples that it declares.

    Args:
        descriptor: of a regular file, to stay open while the pieces are read.
        reason: why libsndfile did not read it.
        seconds: length of the audio by its container, if it is known.

    Returns:
        The sample rate in Hz, and an iterator over pieces.

    Raises:
        DecodeError: no audio, damaged or truncated, also while iterating; or the extra is not installed.
    """
    decoded = _decoded(_opened(descriptor, reason), seconds)
    first = next(decoded, None)
    if first is None:
        raise DecodeError(
            "no audio samples: an empty recording, or one whose header was never completed: export it again"
        )
    return first[0], chain([first], decoded)


def _opened(descriptor: int, reason: str) -> "InputContainer":
    try:
        import av
    except ImportError:
        raise DecodeError(
            f"libsndfile does not read it ({reason}): if it is audio, such as m4a, mp4, aac, wma, webm, amr or Speex, "
            "pip install 'ser-batch[av]'"
        ) from None
    try:
        container = av.open(
            FilePart(b"", descriptor, end_of_id3(descriptor)),  # FFmpeg 8 reads no tag before Monkey's Audio
            "r",
            options={"format_whitelist": CONTAINERS},
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError):
        raise DecodeError(
            f"not audio that libsndfile ({reason}) or FFmpeg reads, or cut off: copy or export it again"
        ) from None
    streams = container.streams
    if streams.audio and streams.audio[0].codec_context is not None:
        return container
    message = "no audio track: nothing to annotate"
    if streams.audio:
        message = "the audio has a codec that FFmpeg cannot decode: convert it to WAV with the program that wrote it"
    container.close()
    raise DecodeError(message)


def _decoded(container: "InputContainer", seconds: float | None) -> Iterator[Piece]:
    """Decode the first audio track frame by frame; at the end, compare its length with what the container says."""
    import av

    decoded, last = 0.0, 0.0
    with container:
        stream = container.streams.audio[0]
        promised = _promised_seconds(container, stream) if seconds is None else seconds
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.time_base:
                    last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                for frame in packet.decode():
                    decoded += frame.samples / frame.sample_rate
                    yield frame.sample_rate, _samples(frame)
        except (av.FFmpegError, ValueError) as error:
            if not promised or decoded + TAIL_SECONDS < promised:  # else it is a tag behind the audio
                reason = getattr(error, "strerror", None) or error
                raise DecodeError(
                    f"damaged or truncated: {decoded:.2f} s decoded ({reason}): copy the file again"
                ) from None
    if max(decoded, last if seconds is None else 0) + SLACK_SECONDS < promised:
        raise DecodeError(
            f"damaged or truncated: {decoded:.2f} s decoded of {promised:.2f} s: copy the file again"
        )


def _promised_seconds(container: "InputContainer", stream: "AudioStream") -> float:
    """End of the audio track by the header of the container, in seconds; 0 if it is unknown."""
    if container.format.name not in TIMED:
        return 0.0
    if stream.duration and stream.time_base:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    if container.duration and not container.streams.video:
        return container.duration / 1e6
    return 0.0


def _samples(frame: "AudioFrame") -> Array:
    """Samples of a frame as float32 `[n, channels]` with a full scale of ±1."""
    layout = frame.layout
    if "(" in layout.name:  # a list of channels that is no standard layout
        # PyAV 18 frees the list with the layout and again with the frame: this layout is never freed
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    n, channels = frame.samples, layout.nb_channels
    dtype = np.dtype(DTYPES[frame.format.name.removesuffix("p")])
    # not `to_ndarray`: it reads one plane too many of 8 channels, and knows no 64-bit integers
    if frame.format.is_planar:
        planes = [np.frombuffer(memoryview(frame.planes[k]), dtype, n) for k in range(channels)]
        values = np.stack(planes, axis=1)
    else:
        values = np.frombuffer(memoryview(frame.planes[0]), dtype, n * channels).reshape(n, channels)
    if dtype.kind == "f":
        return values.astype(np.float32)
    middle = 128 if dtype.kind == "u" else 0
    return ((values.astype(np.float64) - middle) / 2.0 ** (8 * dtype.itemsize - 1)).astype(np.float32)
