"""Decoding through libsndfile: WAV, FLAC, Vorbis, Opus, MP3, AIFF, W64, RF64 and more."""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import soundfile

from ser_batch.audio.decoding import chunks, flac, mp3, ogg
from ser_batch.audio.decoding.common import BLOCK_VALUES, DecodeError, Piece
from ser_batch.audio.decoding.file_parts import FilePart, end_of_id3

UNKNOWN_FORMAT = {1, 4, 18, 64}  # libsndfile's errors for unknown formats and encodings
UNKNOWN_ENCODING = 18
NO_FRAMES = 7  # its error for MP3 without a decodable frame, "File does not exist"
SAMPLE_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8,
                "ULAW": 1, "ALAW": 1}  # fmt: skip
MP3_SLACK = 4  # frames that the decoder may leave out where the file was cut
OTHER_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"caff", b".snd", b"fLaC", b"OggS", b"NIST",
                    b"\x1aE\xdf\xa3", b"FLV", b"0&\xb2u", b"\0\0\x01\xba", b"G@", b"PK\x03\x04", b"%PDF")  # fmt: skip


class UnknownFormatError(DecodeError):
    """libsndfile does not know the format or the encoding; the message is libsndfile's.

    Attributes:
        seconds: length of the audio by its container, None if unknown.
    """

    def __init__(self, message: str, seconds: float | None = None):
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream for libsndfile.

    Attributes:
        source: what libsndfile opens, a part of a file or its descriptor.
        rate: sample rate in Hz; 0 if unknown.
        samples: number of samples per channel in the container; 0 if unknown.
        slack: number of these that the decoder may leave out; if 0, nothing behind them is decoded.
    """

    source: FilePart | int
    rate: int = 0
    samples: int = 0
    slack: int = 0


def pieces(file: io.FileIO, head: bytes) -> tuple[int, Iterator[Piece]]:
    """Open an audio file with libsndfile and decode it piece by piece.

    Args:
        file: to stay open while the pieces are read.
        head: its first bytes, at least 64 if it has as many.

    Returns:
        The sample rate in Hz, and an iterator over pieces.

    Raises:
        UnknownFormatError: libsndfile does not know the format; another decoder may.
        DecodeError: damaged or truncated; also while iterating.
    """
    descriptor = file.fileno()
    audio = chunks.find_audio(descriptor)
    streams, damaged = _streams(descriptor, head)
    damaged = damaged or bool(audio and audio.truncated)
    try:
        sound, streams[0] = _opened(file, streams[0], audio)
    except soundfile.LibsndfileError as error:
        reason = _reason(error)
        if damaged or error.code not in UNKNOWN_FORMAT:
            raise DecodeError(f"damaged, or not audio ({reason}): copy or export it again") from None
        raise UnknownFormatError(reason, _seconds(streams)) from None
    return sound.samplerate, _decoded(sound, streams, damaged)


def _streams(descriptor: int, head: bytes) -> tuple[list[_Stream], bool]:
    """The streams of a file, and whether a part of it is damaged or missing."""
    whole = [_Stream(descriptor)]
    if head.startswith(b"OggS"):
        links, damaged, granule = ogg.examine(descriptor)
        if not damaged and (codec := ogg.other_codec(head)):
            name, rate = codec
            one = len(links) == 1 and rate
            raise UnknownFormatError(f"{name} in Ogg", granule / rate if one else None)
        return whole + [_Stream(FilePart(b"", descriptor, link)) for link in links[1:]], damaged
    start = end_of_id3(descriptor) if head.startswith(b"ID3") else 0
    if flacs := flac.streams(descriptor, start):
        if any(each.changes for each in flacs):
            raise UnknownFormatError("FLAC that changes its sample rate, channels or sample size")
        whole = [_Stream(each.part(descriptor) or descriptor, each.rate, each.samples) for each in flacs]
    elif not head.startswith(OTHER_CONTAINERS) and head[4:8] != b"ftyp":
        whole = _mp3_streams(descriptor, start) or whole
    return whole, False


def _mp3_streams(descriptor: int, start: int) -> list[_Stream]:
    """One stream for each run of frames; none if this is not MPEG audio. The first frame is expected at `start`."""
    found = mp3.runs(descriptor, start)
    streams = []
    for run in found:
        part, samples = run.part(descriptor)
        if part is None and (len(found) > 1 or run.start != start):
            part = FilePart(b"", descriptor, run.start, run.end)
        slack = MP3_SLACK * run.samples_per_frame
        streams.append(_Stream(part or descriptor, run.sample_rate, samples, slack))
    return streams


class _Sound(soundfile.SoundFile):
    """A file that is read from beginning to end: no seek after each read, which streamed FLAC cannot do."""

    def seekable(self) -> bool:
        return False


def _opened(file: io.FileIO, stream: _Stream, audio: chunks.AudioChunk | None) -> tuple[_Sound, _Stream]:
    """Open a stream; if libsndfile does not find all the audio of a chunk, open it with a plain header."""
    plain = chunks.with_plain_header(file.fileno(), audio) if audio else None
    try:
        sound = _sound(file, stream.source)
    except soundfile.LibsndfileError as error:
        if error.code in UNKNOWN_FORMAT or plain is None:
            raise
        return _sound(file, plain), stream
    width = SAMPLE_BYTES.get(sound.subtype, 0) * sound.channels
    if not audio or not width or not sound.frames:
        return sound, stream
    samples, slack = audio.present // width, sound.samplerate // 20
    stream = replace(stream, rate=sound.samplerate, samples=samples, slack=slack)
    if plain is None or (audio.plain and abs(sound.frames - stream.samples) <= 1):
        return sound, stream
    sound.close()
    return _sound(file, plain), stream


def _sound(file: io.FileIO, source: FilePart | int) -> _Sound:
    """Open a source; a second time if the format is unknown, since a read may have failed once."""
    place = source if isinstance(source, FilePart) else file
    place.seek(0)
    try:
        return _Sound(source, closefd=False)
    except soundfile.LibsndfileError as error:
        if error.code not in UNKNOWN_FORMAT:
            raise
    place.seek(0)
    return _Sound(source, closefd=False)


def _decoded(first: _Sound, streams: list[_Stream], damaged: bool) -> Iterator[Piece]:
    """Decode streams one after the other; at the end, compare what was decoded with what the container holds."""
    seconds = 0.0
    for number, stream in enumerate(streams):
        with _joined_sound(stream) if number else first as sound:
            done, rate = 0, sound.samplerate
            shape = (max(1, BLOCK_VALUES // sound.channels), sound.channels)
            while True:
                buffer = np.empty(shape, np.float32)  # a new one for each piece: the receiver may keep it
                if stream.samples and not stream.slack:
                    buffer = buffer[: stream.samples - done]
                if not len(buffer):
                    break
                try:
                    # not `read`, which trusts the number of frames in the header
                    frames = sound.buffer_read_into(buffer.data.cast("B"), dtype="float32")
                except soundfile.LibsndfileError as error:
                    with suppress(soundfile.LibsndfileError):
                        done = max(done, sound.tell())  # including the samples before the error
                    raise DecodeError(_truncated(seconds + done / rate, streams, _reason(error))) from None
                if not frames:
                    break
                done += frames
                yield rate, buffer[:frames]
        seconds += done / rate
        if done < stream.samples - stream.slack:
            damaged = True
            break
    if damaged:
        raise DecodeError(_truncated(seconds, streams))


def _joined_sound(stream: _Stream) -> _Sound:
    try:
        return _Sound(stream.source)
    except soundfile.LibsndfileError as error:
        raise DecodeError(
            f"a stream that was joined to the first one is not audio ({_reason(error)}): split the file there"
        ) from None


def _seconds(streams: list[_Stream]) -> float | None:
    """Length of all streams by the container; None if it is unknown."""
    if not all(stream.samples for stream in streams):
        return None
    return sum(stream.samples / stream.rate for stream in streams)


def _truncated(decoded: float, streams: list[_Stream], reason: str = "") -> str:
    total = _seconds(streams)
    promised = f" of {total:.2f} s" if total else ""
    because = f" ({reason})" if reason else ""
    return f"damaged or truncated: {decoded:.2f} s decoded{promised}{because}: copy the file again"


def _reason(error: soundfile.LibsndfileError) -> str:
    if error.code == UNKNOWN_ENCODING:
        return "an encoding that it does not know, such as integers of 64 bits or FLAC of 12 or 20 bits"
    return "no frame can be decoded" if error.code == NO_FRAMES else error.error_string.rstrip(".")
