"""Encoding of audio as MP3, to embed it in pages."""

import io

import soundfile

from ser_batch.audio.front_end import SAMPLE_RATE
from ser_batch.audio.windows import Array


def mp3(samples: Array) -> bytes:
    """Encode float32 `[n]` at 16 kHz as an MP3 file, which every browser plays."""
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, SAMPLE_RATE, "MPEG_LAYER_III", format="MP3")
    return encoded.getvalue()
