"""The voice detector's material: windows of log-mel with a label for each frame, from the sources in a TOML file."""

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from voice_signals import altered, machine

from ser_batch.audio.features import log_mel, to_levels, true_frames
from ser_batch.audio.front_end import HOP, N_FRAMES, SAMPLE_RATE, WINDOW_SAMPLES

SOURCES = Path(__file__).with_name("voice_material.toml")
SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".mp3"}
PIECE_SECONDS = 30.0
MOST_FILES = 5000  # of a source
CHUNK, CONTEXT = (
    512,
    64,
)  # samples that the teacher takes at once, and those before them that it is given again
DOUBTFUL = 0.1  # share of speech from which on a file is no example of a sound without speech
CLEARLY_SPOKEN = 0.85  # the label of a frame that only its level tells to be speech
BELOW_LOUDEST_DB = 20.0

Array = NDArray[np.float32]
Rng = np.random.Generator


@dataclass
class Windows:
    """Log-mel as levels uint8 `[n, 188, 128]`, labels uint8 `[n, 188]` (255 is speech), bool `[n]` and int `[n]`."""

    mel: NDArray[np.uint8]
    label: NDArray[np.uint8]
    speech: NDArray[np.bool_]
    source: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write an `.npz`."""
        np.savez(path, mel=self.mel, label=self.label, speech=self.speech, source=self.source)

    @classmethod
    def load(cls, path: Path) -> "Windows":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls(**stored)


def sources() -> list[dict[str, Any]]:
    """The sources: see the comment at the top of `voice_material.toml`."""
    return tomllib.loads(SOURCES.read_text(encoding="utf-8"))["source"]


def files(root: Path, source: dict[str, Any], part: str) -> list[Path]:
    """The files of a source that are for `train` or for `test`, sorted; none for sounds that are computed."""
    if not source.get("files"):
        return []
    wanted, aside = re.compile(source["files"]), re.compile(source.get("test", "$^"))
    return [
        root / name
        for name in _names(root)
        if wanted.match(name) and bool(aside.search(name)) == (part == "test")
    ]


@cache
def _names(root: Path) -> list[str]:
    """All audio files below a folder, links followed, sorted."""
    found = (Path(folder) / name for folder, _, names in os.walk(root, followlinks=True) for name in names)
    return sorted(path.relative_to(root).as_posix() for path in found if path.suffix.lower() in SUFFIXES)


class Teacher:
    """Silero VAD, read with onnxruntime: `silero_vad_16k_op15.onnx` of the package silero-vad 6.2.3 (MIT)."""

    def __init__(self, path: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options)

    def __call__(self, clips: Sequence[Array], batch: int = 64) -> list[Array]:
        """Probability of speech for each 512 samples of each clip at 16 kHz."""
        order = sorted(range(len(clips)), key=lambda i: len(clips[i]))
        answers: list[Array] = [np.empty(0, np.float32)] * len(clips)
        for first in range(0, len(order), batch):
            some = order[first : first + batch]
            probabilities = self._batch([clips[i] for i in some])
            for i, answer in zip(some, probabilities, strict=True):
                answers[i] = answer[: -(-len(clips[i]) // CHUNK)]
        return answers

    def _batch(self, clips: Sequence[Array]) -> Array:
        n_chunks = max(-(-len(clip) // CHUNK) for clip in clips)
        padded = np.zeros((len(clips), CONTEXT + n_chunks * CHUNK), np.float32)
        for row, clip in zip(padded, clips, strict=True):
            row[CONTEXT : CONTEXT + len(clip)] = clip
        state = np.zeros((2, len(clips), 128), np.float32)
        rate = np.array(SAMPLE_RATE, np.int64)
        probabilities = np.empty((len(clips), n_chunks), np.float32)
        for k in range(n_chunks):
            chunk = padded[:, k * CHUNK : k * CHUNK + CONTEXT + CHUNK]
            answer, state = self._session.run(None, {"input": chunk, "state": state, "sr": rate})
            probabilities[:, k] = answer[:, 0]
        return probabilities


def load(path: Path, rng: Rng) -> Array | None:
    """Up to 30 s of a file from a place by chance, 16 kHz mono, its peak at 0.5; None if there is no sound in it."""
    try:
        with soundfile.SoundFile(path) as file:
            n = min(file.frames, int(PIECE_SECONDS * file.samplerate))
            file.seek(int(rng.integers(0, file.frames - n + 1)))
            samples, rate = file.read(n, dtype="float32", always_2d=True), file.samplerate
    except soundfile.LibsndfileError:
        return None
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    if len(mono) < SAMPLE_RATE // 10:
        return None
    mono = np.nan_to_num(mono - mono.mean())
    peak = np.abs(mono).max()
    return (mono * (0.5 / peak)).astype(np.float32) if peak > 1e-4 else None


def collect(root: Path, part: str, teacher: Teacher, rng: Rng) -> Windows:
    """Windows of every source, `part` is `train` or `test`; the test part is neither altered nor relabelled."""
    mel, labels, speech, numbers = [], [], [], []
    for number, source in enumerate(sources()):
        n_windows = source["windows"] if part == "train" else min(600, source["windows"] // 3)
        pieces = _pieces(files(root, source, part), n_windows, rng)
        if not source.get("files"):
            pieces = [machine(rng) for _ in range(n_windows)]
        spoken = source["kind"] == "speech"
        pieces, answers = _labelled(pieces, source, part, teacher)
        for i in _chosen(pieces, n_windows, rng):
            answer = answers[i] if spoken else np.zeros_like(answers[i])
            samples, label = _window(pieces[i], answer, rng, spoken)
            samples = altered(samples, rng, 0.55 if part == "train" else 1.0)
            mel.append(to_levels(log_mel(samples)))
            labels.append(np.rint(255 * label).astype(np.uint8))
            speech.append(spoken)
            numbers.append(number)
        print(
            f"{part}: {source['name']}: {len(pieces):,} recordings, {len(mel):,} windows so far", flush=True
        )
    return Windows(np.stack(mel), np.stack(labels), np.array(speech), np.array(numbers))


def _pieces(paths: Sequence[Path], n_windows: int, rng: Rng) -> list[Array]:
    """Each file once, and more of those that are long where there are few."""
    if len(paths) > MOST_FILES:
        paths = [paths[i] for i in rng.permutation(len(paths))[:MOST_FILES]]
    times = int(np.clip(n_windows // (8 * len(paths) + 1), 1, 12))
    pieces = []
    for path in paths:
        for _ in range(times):
            piece = load(path, rng)
            if piece is not None:
                pieces.append(piece)
            if piece is None or len(piece) < (PIECE_SECONDS - 1) * SAMPLE_RATE:
                break
    return pieces


def _labelled(
    pieces: list[Array], source: dict[str, Any], part: str, teacher: Teacher
) -> tuple[list[Array], list[Array]]:
    """The pieces that are examples of what their source is, and the teacher's answers."""
    answers = teacher(pieces)
    if part == "test":
        return pieces, answers
    if source["kind"] == "other" and not source.get("trusted"):
        kept = [i for i, answer in enumerate(answers) if (answer > 0.5).mean() <= DOUBTFUL]
        return [pieces[i] for i in kept], [answers[i] for i in kept]
    if source.get("spoken"):
        answers = [
            np.maximum(answer, _loud(piece, len(answer)))
            for piece, answer in zip(pieces, answers, strict=True)
        ]
    return pieces, answers


def _loud(samples: Array, n_chunks: int) -> Array:
    """A label for what is near the loudest, in recordings of nothing but speech: the teacher misses shouting."""
    padded = np.zeros(n_chunks * CHUNK, np.float32)
    padded[: len(samples)] = samples
    power = np.square(padded).reshape(n_chunks, CHUNK).mean(axis=1)
    power = np.convolve(power, [0.25, 0.5, 0.25], "same")
    return np.float32(CLEARLY_SPOKEN) * (power > power.max() * 10 ** (-BELOW_LOUDEST_DB / 10))


def _chosen(pieces: Sequence[Array], n_windows: int, rng: Rng) -> list[int]:
    """Each piece once, then more by chance, long ones more often."""
    if not pieces:
        return []
    once = rng.permutation(len(pieces))[:n_windows]
    weights = np.sqrt([min(len(piece), 10 * WINDOW_SAMPLES) for piece in pieces])
    more = rng.choice(len(pieces), size=n_windows - len(once), p=weights / weights.sum())
    return [*once.tolist(), *more.tolist()]


def _window(samples: Array, answer: Array, rng: Rng, spoken: bool) -> tuple[Array, Array]:
    """A window and a label for each of its frames: as the pipeline would cut it, or something short in silence."""
    if rng.random() < (0.12 if spoken else 0.05) and len(samples) > 0.3 * SAMPLE_RATE:
        length = min(int(rng.uniform(0.25, 1.2) * SAMPLE_RATE), len(samples))
        start = int(rng.integers(0, len(samples) - length + 1))
        if spoken and answer.max() > 0.5:
            middle = int(rng.choice(np.flatnonzero(answer > 0.5))) * CHUNK
            start = int(np.clip(middle - length // 2, 0, len(samples) - length))
        piece = samples[start : start + length].copy()
        fade = np.linspace(0, 1, min(160, length // 4), dtype=np.float32)
        piece[: len(fade)] *= fade
        piece[-len(fade) :] *= fade[::-1]
        return _placed(piece, answer, start, rng)
    if len(samples) < WINDOW_SAMPLES and rng.random() < 0.4:
        return _placed(samples, answer, 0, rng)
    start, length = 0, len(samples)
    if length > WINDOW_SAMPLES:
        length = WINDOW_SAMPLES if rng.random() < 0.8 else int(rng.integers(8000, WINDOW_SAMPLES))
        start = int(rng.integers(0, len(samples) - length + 1))
    return samples[start : start + length], _frame_labels(answer, start, length)


def _placed(piece: Array, answer: Array, start: int, rng: Rng) -> tuple[Array, Array]:
    """A piece that begins at sample `start` of its recording, anywhere in 3 s of silence."""
    at = int(rng.integers(0, WINDOW_SAMPLES - len(piece) + 1))
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    window[at : at + len(piece)] = piece
    label = _frame_labels(answer, start - at, WINDOW_SAMPLES)
    centres = np.arange(N_FRAMES) * HOP
    label[(centres < at) | (centres >= at + len(piece))] = 0
    return window, label


def _frame_labels(answer: Array, start: int, length: int) -> Array:
    """The teacher's answer at the centre of each of 188 frames of a window that begins at sample `start`."""
    centres = start + np.arange(N_FRAMES) * HOP
    label = answer[np.clip(centres // CHUNK, 0, len(answer) - 1)].copy()
    label[centres < 0] = 0
    label[true_frames(length) :] = 0
    return label
