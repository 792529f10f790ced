"""Script that makes the samples: a few minutes of synthetic speech in common formats, rates and channel counts.

    python samples/make_samples.py [FOLDER]

Needs espeak-ng on the PATH. The same version of espeak-ng and libsndfile gives the same bytes again.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice, its speed in words a minute, and its pitch from 0 to 99."""

    name: str
    speed: int
    pitch: int

    def say(self, text: str, rate: int) -> Audio:
        """Speak a text: mono samples at a rate in hertz."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            options = ["-v", self.name, "-s", str(self.speed), "-p", str(self.pitch), "-w", str(path)]
            subprocess.run(["espeak-ng", *options, text], check=True)
            samples, spoken_rate = soundfile.read(path)
        return soxr.resample(samples, spoken_rate, rate)


ANNA = Voice("en-us+f3", 165, 62)
BEN = Voice("en-gb+m3", 150, 38)
CLARA = Voice("en-gb-x-rp+f5", 185, 74)
DOUGLAS = Voice("en-gb-scotland+m7", 135, 22)
ELLA = Voice("en-us+f4", 125, 50)

STORY = """
The ferry left the harbour ten minutes late, because a dog had refused to walk up the ramp. Its owner
pleaded, the captain whistled, and in the end two children carried it on board together. Nobody minded the
delay. The sea was flat and grey, and the islands ahead looked as if somebody had cut them out of paper.

Halfway across, the engine stopped. For a moment there was no sound but the water along the hull. Then
everyone began to talk at once. A man in a green coat said that it had happened before, in the winter, and
that they had drifted until morning. His wife told him not to be so cheerful about it. Down below, something
heavy fell, and somebody laughed.

After a quarter of an hour the engine coughed, and coughed again, and ran. The captain came out on deck with
oil on his sleeves and bowed to the passengers. The dog barked. When we landed, it walked down the ramp by
itself, very slowly, as though the whole journey had been its own idea.
"""


def main() -> None:
    """Write every sample below the folder of this script, or below the one that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    booking = ANNA.say("Hello, I would like to book a table for four, on Saturday evening, please.", 8_000)
    write(folder / "phone" / "booking.wav", booking, 8_000)
    voicemail = BEN.say("It is me again. I waited for an hour, and nobody came. Please call me back.", 16_000)
    write(folder / "phone" / "voicemail.mp3", voicemail, 16_000)

    introduction = DOUGLAS.say("Good morning, everyone. Let us begin with the results of last week.", 16_000)
    write(folder / "meeting" / "introduction.flac", introduction, 16_000)
    question = CLARA.say("Are you sure that this is right?", 16_000)
    write(folder / "meeting" / "QUESTION.WAV", question, 16_000)
    left = ANNA.say("I think we should wait.", 48_000)
    right = BEN.say("And I think we have waited enough.", 48_000)
    write(folder / "meeting" / "two seats.flac", side_by_side(left, right), 48_000)

    weather = CLARA.say("Rain in the north, sunshine in the south, and a strong wind on the coast.", 44_100)
    write(folder / "radio" / "weather.ogg", weather, 44_100)
    announcement = ELLA.say("You are listening to the evening programme. Here is our story.", 44_100)
    write(folder / "radio" / "announcement.mp3", np.stack((announcement, 0.5 * announcement), axis=1), 44_100)
    write(folder / "radio" / "story.opus", ELLA.say(STORY, 48_000), 48_000)

    before = DOUGLAS.say("I opened the letter.", 16_000)
    after = DOUGLAS.say("It was from my brother.", 16_000)
    write(folder / "diary" / "pause.wav", np.concatenate((before, np.zeros(16_000), after)), 16_000)
    write(folder / "diary" / "evening.aiff", ANNA.say("What a wonderful day it was!", 22_050), 22_050)


def side_by_side(left: Audio, right: Audio) -> Audio:
    """Put two voices in the two channels of one recording, `[n, 2]`; silence follows the shorter one."""
    both = np.zeros((max(len(left), len(right)), 2))
    both[: len(left), 0] = left
    both[: len(right), 1] = right
    return both


def write(path: Path, samples: Audio, rate: int) -> None:
    """Write samples, `[n]` or `[n, channels]`, in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    if suffix == ".opus":
        soundfile.write(path, samples, rate, format="OGG", subtype="OPUS", compression_level=0.9)
    elif suffix == ".mp3":
        soundfile.write(path, samples, rate, compression_level=0.8)
    else:
        soundfile.write(path, samples, rate)
    if suffix in (".ogg", ".opus"):
        path.write_bytes(with_serial_number(path.read_bytes(), 1))


def with_serial_number(ogg: bytes, number: int) -> bytes:
    """Replace the random number of an Ogg stream, and the checksums over it (RFC 3533, section 6)."""
    pages = []
    while ogg:
        n_segments = ogg[26]
        size = 27 + n_segments + sum(ogg[27 : 27 + n_segments])
        page = bytearray(ogg[:size])
        page[14:18] = number.to_bytes(4, "little")
        page[22:26] = bytes(4)
        page[22:26] = ogg_checksum(page).to_bytes(4, "little")
        pages.append(page)
        ogg = ogg[size:]
    return b"".join(pages)


def ogg_checksum(page: bytes | bytearray) -> int:
    """CRC-32 with the polynomial 0x04c11db7, neither reflected nor inverted."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return checksum


if __name__ == "__main__":
    main()
