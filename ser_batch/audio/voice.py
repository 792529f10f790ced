"""Speech found by the voice detector: one bit for each 64 ms of a window, and stretches in seconds for a file."""

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.front_end import HOP, N_FRAMES, SAMPLE_RATE

STEP_FRAMES = 4  # frames of 16 ms in a step, for each of which the detector gives a probability
N_STEPS = N_FRAMES // STEP_FRAMES
STEP_SECONDS = STEP_FRAMES * HOP / SAMPLE_RATE
THRESHOLD = 0.7  # chosen by the sounds and the clips of docs/voice.md
MIN_SPEECH_SECONDS = 0.25  # of a window that is given a label
WINDOWS_AT_ONCE = 1_000  # of a long file: the steps of all its windows together would take too much memory
SILENT = -1  # in place of the bits of a window that the detector was not asked about

Seconds = NDArray[np.float64]


def speech_bits(probabilities: NDArray[np.float32]) -> int:
    """The steps that hold speech, bit `k` for step `k`, of the detector's probabilities float32 `[47]`."""
    return sum(1 << k for k in np.flatnonzero(probabilities >= THRESHOLD).tolist())


def speech_frames(bits: int, n_frames: int) -> int:
    """How many of the first `n_frames` of a window, those before the padding, hold speech."""
    whole, rest = divmod(n_frames, STEP_FRAMES)
    full = STEP_FRAMES * (bits & (1 << whole) - 1).bit_count()
    return full + rest * (bits >> whole & 1)


def frames_wanted(min_speech: float, n_frames: int) -> int:
    """How many frames of speech a window of `n_frames` must hold to be given a label, at least 1.

    Args:
        min_speech: in seconds. Of a window shorter than twice that, half has to be speech.
        n_frames: that the window fills before the padding begins.
    """
    return max(1, min(round(min_speech * SAMPLE_RATE / HOP), n_frames // 2))


def stretches(
    sample_rate: int, starts: NDArray[np.int64], ends: NDArray[np.int64], bits: NDArray[np.int64]
) -> list[tuple[float, float]]:
    """Where speech is in a file: start and end of each stretch in seconds, sorted, apart from each other.

    Where windows overlap, the one whose centre is nearest counts. A gap of one step does not end a stretch.

    Args:
        sample_rate: of the starts and ends, in Hz.
        starts: int64 `[n]`, of the windows, in samples.
        ends: int64 `[n]`.
        bits: int64 `[n]`, as `speech_bits` gives them, or `SILENT`.
    """
    first, last = starts / sample_rate, ends / sample_rate
    borders = (last[:-1] + first[1:]) / 2
    low, high = np.concatenate([first[:1], borders]), np.concatenate([borders, last[-1:]])
    steps = np.arange(N_STEPS)
    found = []
    for start in range(0, max(len(bits), 1), WINDOWS_AT_ONCE):
        some = slice(start, start + WINDOWS_AT_ONCE)
        begins = first[some, None] + steps * STEP_SECONDS
        speech = np.maximum(bits[some], 0)[:, None] >> steps & 1
        kept_begins = np.clip(begins, low[some, None], high[some, None])
        kept_ends = np.clip(begins + STEP_SECONDS, low[some, None], high[some, None])
        kept = (speech == 1) & (kept_ends > kept_begins)
        found.append(_joined(kept_begins[kept], kept_ends[kept]))
    joined = _joined(*(np.concatenate(times) for times in zip(*found, strict=True)))
    return [(round(begin, 6), round(end, 6)) for begin, end in np.column_stack(joined).tolist()]


def _joined(begins: Seconds, ends: Seconds) -> tuple[Seconds, Seconds]:
    """Join neighbouring steps or stretches, given and returned by their begins and ends in seconds."""
    if not len(begins):
        return begins, ends
    apart = begins[1:] - ends[:-1] > 1.5 * STEP_SECONDS
    return begins[np.append(True, apart)], ends[np.append(apart, True)]
