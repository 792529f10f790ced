"""Benchmark of one window by stage, with the lower bound of its time.

    python -m benchmarks stages

In a process like a worker's: one core, one thread, processor time, which other work on the machine hardly changes. The
stages are timed in turns, round after round. What cannot be called by itself is a difference of two that can: the gate
is the features with it less those without.
"""

import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import shared
from benchmarks.shared import RATE, on_cores, spread, table

FORMATS = {"WAV": "PCM_16", "FLAC": "PCM_16", "MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}
LONG_WINDOWS = 40
WORKER, LARGE, LONG = (
    "worker, one window, denoise on",
    "worker, one window, crema-d-large",
    "worker, a window of 40",
)
FFT = "FFTs alone, scipy, float32"
# bytes of one window's samples, frames under the Hann window, complex spectrum, power, gain of the gate, mel bands
ARRAYS = 4 * (3 * RATE + 188 * (1_024 + 2 * 513 + 513 + 513 + 128))
# bytes copied, and how often, from memory (larger than most caches) and from a core's own cache
COPIES = {"memory": (1 << 29, 1), "cache": (1 << 19, 100)}

Times = dict[str, list[float]]


def main() -> None:
    """Measure, print, draw."""
    from ser_batch.engine import processes

    chosen = shared.arguments(__doc__).parse_args()
    rounds = 5 if chosen.quick else 40 * chosen.rounds
    where = shared.where("soundfile", "soxr", "ai-edge-litert")
    with (
        on_cores(1),
        processes.child_environment(),
        ProcessPoolExecutor(1, mp_context=processes.SPAWN) as executor,
    ):
        times = executor.submit(measured, rounds).result()
    ms = {name: 1_000 * statistics.median(each) for name, each in times.items()}
    ms[LONG] /= LONG_WINDOWS
    quartiles = [
        [name, spread([1_000 * each for each in statistics.quantiles(values, n=4)], 2)]
        for name, values in times.items()
        if name != LONG
    ]
    parts = [
        f"{where} {rounds} rounds; one core, processor time; medians (quartiles).",
        main_table(ms),
        "**Each by itself**\n\n" + table(["", "ms"], quartiles),
    ]
    shared.publish("stages", parts, {"ms": ms, "seconds": times}, chosen)
    draw(ms, chosen)


def measured(rounds: int) -> Times:
    """Processor seconds of everything, once each round. Runs in a process like a worker's."""
    with shared.scratch() as folder:
        whats = all_of(folder)
        times: Times = {name: [] for name in whats}
        for k in range(-1, rounds):
            for name, what in whats.items():
                what()  # into the caches, or it would depend on what came before
                began = time.process_time()
                what()
                if k >= 0:
                    times[name].append(time.process_time() - began)
    return times


def all_of(folder: Path) -> dict[str, Callable[[], Any]]:
    """What is timed, by name."""
    import numpy as np
    import scipy.fft
    import soundfile
    import soxr

    from ser_batch.audio import features
    from ser_batch.audio.activity import speech_ratio
    from ser_batch.audio.decoding.decode import blocks
    from ser_batch.audio.windows import windows
    from ser_batch.engine.job import Options
    from ser_batch.engine.worker import Worker
    from ser_batch.model.bundle import load_bundle, load_voice
    from ser_batch.model.runtime import Network
    from ser_batch.runs.settings import resolve_settings

    speech = np.tile(shared.speech(), 2)
    window = speech[: 3 * RATE].copy()
    native = soxr.resample(window, RATE, 44_100, quality="HQ")
    paths = {"one window": folder / "one.wav", "many": folder / "many.wav"}
    soundfile.write(paths["one window"], window, RATE, "PCM_16")
    soundfile.write(paths["many"], speech[: round((3 + 1.5 * (LONG_WINDOWS - 1)) * RATE)], RATE, "PCM_16")

    def decoding(path: Path) -> Callable[[], Any]:
        return lambda: list(blocks(str(path))[1])

    def working(path: Path, denoise: str, model: str = "crema-d") -> Callable[[], Any]:
        options = Options(model=model, denoise=denoise)
        annotate = Worker(resolve_settings(options, load_bundle(model))).annotate
        return lambda: annotate(str(path))

    whats: dict[str, Callable[[], Any]] = {}
    for name, subtype in FORMATS.items():
        soundfile.write(path := folder / f"16.{name.lower()}", window, RATE, subtype, format=name)
        whats[f"decode, {name}, 16 kHz"] = decoding(path)
    soundfile.write(path := folder / "44.wav", native, 44_100, "PCM_16")
    whats["decode, WAV, 44.1 kHz"] = decoding(path)
    whats["cut into windows, 16 kHz"] = lambda: list(windows(iter([window]), RATE, 3.0, 1.5))
    whats["cut into windows, 44.1 kHz: resampled"] = lambda: list(windows(iter([native]), 44_100, 3.0, 1.5))
    whats["speech ratio"] = lambda: speech_ratio(window)
    whats["power spectrogram"] = lambda: features.power_spectrogram(window)
    whats["log-mel, denoise off"] = lambda: features.log_mel(window, "off")
    whats["log-mel, denoise on"] = lambda: features.log_mel(window, "gate")
    bands = features.log_mel(window, "gate")
    for model in ("crema-d", "crema-d-large"):
        bundle = load_bundle(model)
        network = Network(bundle.network_path)
        whats[f"network, {model}"] = lambda network=network: network(bands)
    detector = Network(load_voice().network_path)
    whats["voice detector"] = lambda: detector(bands)
    whats[WORKER] = working(paths["one window"], "gate")
    whats["worker, one window, denoise off"] = working(paths["one window"], "off")
    whats[LARGE] = working(paths["one window"], "off", "crema-d-large")
    whats[LONG] = working(paths["many"], "gate")

    frames = np.lib.stride_tricks.sliding_window_view(np.pad(window, 512), 1_024)[::256] * np.hanning(1_024)
    double, frames = frames, frames.astype(np.float32)
    whats[FFT] = lambda: scipy.fft.rfft(frames, axis=-1)
    whats["FFTs alone, numpy, float32"] = lambda: np.fft.rfft(frames, axis=-1)
    whats["FFTs alone, scipy, float64"] = lambda: scipy.fft.rfft(double, axis=-1)
    for name, (size, times) in COPIES.items():
        whats[f"copying in {name}"] = copying(np.ones(size, np.uint8), times)
    return whats


def copying(source: Any, times: int) -> Callable[[], Any]:
    """Copy an array, so many times."""
    target = source.copy()

    def copy() -> None:
        for _ in range(times):
            target[:] = source

    return copy


def main_table(ms: dict[str, float]) -> str:
    """A 3 s WAV of 16 kHz, one window, with the gate: the stages, their shares, and what the processor must do."""
    rows = [[name, f"{each:.2f}", f"{each / ms[WORKER]:.0%}"] for name, each in shares(ms).items()]
    rows.append(["**in all**", f"**{ms[WORKER]:.2f}**", "100%"])
    floor = sum(floors(ms).values())
    moving = [
        f"{1_000 * 2 * ARRAYS / speed:.2f} ms at the speed of {name}, {speed / 1e9:.0f} GB a second"
        for name, (size, times) in COPIES.items()
        for speed in [2 * size * times / (ms[f"copying in {name}"] / 1_000)]  # read and written
    ]
    return (
        f"{table(['stage', 'ms', 'share'], rows)}\n\n"
        f"A window of a file of {LONG_WINDOWS}: {ms[LONG]:.2f} ms, {1_500 / ms[LONG]:,.0f}× real time. "
        f"With `crema-d-large`, denoise off: {ms[LARGE]:.2f} ms.\n\n"
        f"The floor: FFTs and network alone are {floor:.2f} ms, and a window takes {ms[WORKER] / floor:.1f} times "
        f"that. To write and read each of its arrays once, {2 * ARRAYS / 1e6:.1f} MB, takes {', '.join(moving)}."
    )


def floors(ms: dict[str, float]) -> dict[str, float]:
    """What cannot be left out."""
    return {"FFTs": ms[FFT], "network alone": ms["network, crema-d"]}


def shares(ms: dict[str, float]) -> dict[str, float]:
    """Milliseconds of each stage of one window."""
    spectrum, plain, clean = (
        ms[name] for name in ("power spectrogram", "log-mel, denoise off", "log-mel, denoise on")
    )
    stages = {
        "decode (WAV) and cut": ms["decode, WAV, 16 kHz"] + ms["cut into windows, 16 kHz"],
        "speech ratio": ms["speech ratio"],
        "STFT to power": spectrum,
        "gate": clean - plain,
        "mel, dB": plain - spectrum,
        "voice detector": ms["voice detector"],
        "network": floors(ms)["network alone"],
    }
    return {**stages, "the rest: status, probabilities, colder caches": ms[WORKER] - sum(stages.values())}


def draw(ms: dict[str, float], chosen: Namespace) -> None:
    """The stages of a window in one bar, the floor below it."""
    with shared.picture("benchmarks-stages", chosen, height=2.2) as axes:
        for place, bars, colours in ((0, shares(ms), range(8)), (1, floors(ms), (2, 6))):
            left = 0.0
            for (name, each), colour in zip(bars.items(), colours, strict=True):
                axes.barh(place, each, left=left, color=f"C{colour}", label=None if place else name)
                left += each
        axes.set_yticks([0, 1], ["a window of WAV,\ndenoise on", "floor: FFTs\nand network"])
        axes.invert_yaxis()
        axes.set(xlabel="ms")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
