"""Does the emotion model do better if it gets speech alone? Ways to use the voice detector, side by side.

    python -m benchmarks speech_frames CORPUS... [--model MODEL] [--noise FOLDER] [--snr DB]

`annotate`: windows of 3 s every 1.5 s, weighted by speech ratio. `floor`: the same, with frames without speech at the
floor of -80 dB, which the model takes for silence. `cut`: windows from the first to the last speech of the recording.
The figure is UAR over the recordings whose label the model knows.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import table
from ser_batch.audio import voice
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.features import log_mel, true_frames
from ser_batch.audio.front_end import FLOOR_DB, SAMPLE_RATE
from ser_batch.audio.noise import mix, read_noise
from ser_batch.audio.windows import windows
from ser_batch.corpora.read import read_corpus
from ser_batch.evaluation.metrics import confusion_matrix, uar
from ser_batch.model.bundle import load_bundle, load_voice
from ser_batch.model.runtime import Network, softmax

MARGIN = round(0.1 * SAMPLE_RATE)  # samples that are left around speech

Array = NDArray[np.float32]
Heard = tuple[Array, NDArray[np.bool_]]  # log-mel of a window, and its frames that are speech


def main() -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpora", nargs="+", type=Path)
    parser.add_argument("--model", default="crema-d")
    parser.add_argument("--noise", type=Path, help="folder of recordings that are added")
    parser.add_argument("--snr", type=float, default=10.0, help="of the noise, in dB")
    given = parser.parse_args()
    bundle = load_bundle(given.model)
    emotion, detector = Network(bundle.network_path), Network(load_voice().network_path, voice.N_STEPS)
    noise, rng = read_noise(given.noise).samples if given.noise else None, np.random.default_rng(0)
    rows = []
    for corpus in given.corpora:
        clips = [clip for clip in read_corpus(corpus).clips if clip.label in bundle.labels]
        actual = np.array([bundle.labels.index(clip.label) for clip in clips])
        answers: dict[str, list[int]] = {way: [] for way in WAYS}
        for clip in clips:
            samples = _load(clip.path)
            if noise is not None:
                samples = mix(samples, np.resize(noise[rng.integers(len(noise))], len(samples)), given.snr)
            for way, prepared in WAYS.items():
                heard = list(prepared(samples, detector))
                answers[way].append(int(_mean(heard, emotion, bundle.temperature).argmax()))
        figures = [
            uar(confusion_matrix(actual, np.array(answer), len(bundle.labels))) for answer in answers.values()
        ]
        rows.append([corpus, len(clips), *(f"{figure:.3f}" for figure in figures)])
    print(table(["corpus", "recordings", *WAYS], rows))


def _as_annotate(samples: Array, detector: Network) -> Iterator[Heard]:
    for window in windows([samples], SAMPLE_RATE, 3.0, 1.5):
        bands = log_mel(window.samples)
        speech = np.repeat(detector(bands) >= voice.THRESHOLD, voice.STEP_FRAMES)
        speech[true_frames(len(window.samples)) :] = False
        yield bands, speech


def _without_other_frames(samples: Array, detector: Network) -> Iterator[Heard]:
    for bands, speech in _as_annotate(samples, detector):
        near = np.convolve(speech, np.ones(2 * voice.STEP_FRAMES + 1), "same") > 0  # a step on each side
        yield np.where(near[:, None], bands, np.float32(FLOOR_DB)), speech


def _cut_to_speech(samples: Array, detector: Network) -> Iterator[Heard]:
    spoken = []
    for window in windows([samples], SAMPLE_RATE, 3.0, 3.0):
        steps = np.flatnonzero(detector(log_mel(window.samples)) >= voice.THRESHOLD)
        spoken += (window.start + steps * voice.STEP_SECONDS * SAMPLE_RATE).tolist()
    if spoken:
        first, last = int(min(spoken)), int(max(spoken) + voice.STEP_SECONDS * SAMPLE_RATE)
        samples = samples[max(0, first - MARGIN) : last + MARGIN]
    yield from _as_annotate(samples, detector)


WAYS: dict[str, Callable[[Array, Network], Iterator[Heard]]] = {
    "annotate": _as_annotate,
    "floor": _without_other_frames,
    "cut": _cut_to_speech,
}


def _load(path: str) -> Array:
    rate, audio = blocks(path)
    return next(windows(audio, rate, 60.0, 60.0)).samples


def _mean(heard: list[Heard], emotion: Network, temperature: float) -> NDArray[np.float64]:
    """Probabilities of a recording: the mean of its windows', weighted by their speech; all alike if there is none."""
    weights = np.array([speech.mean() for _, speech in heard])
    if not weights.any():
        weights[:] = 1
    return weights @ np.array([softmax(emotion(bands), temperature) for bands, _ in heard])


if __name__ == "__main__":
    main()
