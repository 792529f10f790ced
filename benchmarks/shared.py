"""Shared parts of the benchmarks: commands on some of the cores, archives of clips, tables, and the page of results."""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.running import ROOT

OUT = ROOT / "benchmarks" / "out"
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "pictures"

RATE = 16_000
CLIP_SECONDS = 3.7  # as long as a clip of RAVDESS
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
ENVIRONMENT = {**os.environ, **dict.fromkeys(ONE_THREAD, "1"), "TF_CPP_MIN_LOG_LEVEL": "3"}
CORES = sorted(os.sched_getaffinity(0))

Rows = Iterable[Sequence[Any]]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that all benchmarks of the page have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("audio", nargs="?", type=Path, help="folder of audio files; else clips of samples/")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions, interleaved")
    parser.add_argument("--quick", action="store_true", help="a trial, in seconds; writes no page")
    parser.add_argument("--write", action="store_true", help="renew the tables and pictures of the page")
    return parser


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for audio and results, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        yield Path(name)


@contextmanager
def on_cores(n: int) -> Iterator[None]:
    """Keep this process, and what it starts, to the last `n` cores."""
    os.sched_setaffinity(0, CORES[-n:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def seconds_of(*commands: Sequence[object]) -> tuple[float, float]:
    """How long commands take that are run at the same time, and their processor time.

    Each may have several processes, but one numerical thread in each.
    """
    began, used = time.perf_counter(), _used()
    running = [
        subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    said = [each.communicate()[1] for each in running]
    seconds = time.perf_counter() - began
    for each, text in zip(running, said, strict=True):
        if each.returncode:
            sys.exit(f"exit code {each.returncode} of {each.args}: {text}")
    return seconds, _used() - used


def _used() -> float:
    """Processor seconds of all processes that this one has started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def speech() -> Any:
    """The speech in samples/, one after the other: float32 `[n]`, 16 kHz."""
    import numpy as np

    from ser_batch.audio.windows import load

    paths = sorted(path for path in ROOT.glob("samples/*/*.*") if path.stem != "pause")
    return np.concatenate([load(str(path), 600) for path in paths])


def clips(audio: Path | None, folder: Path) -> tuple[list[Path], str]:
    """Copies of all audio files below a folder, or clips cut from samples/ as WAV; and a description of them."""
    import soundfile

    from ser_batch.inputs.suffixes import AUDIO_SUFFIXES

    folder.mkdir(parents=True)
    if audio is None:
        name, samples, size = "clips of `samples/`", speech(), round(CLIP_SECONDS * RATE)
        for k in range(len(samples) // size):
            soundfile.write(folder / f"{k:03}.wav", samples[k * size : (k + 1) * size], RATE, "PCM_16")
    else:
        name = audio.resolve().name
        found = sorted(path for path in audio.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        for k, path in enumerate(found):
            shutil.copy(path, folder / f"{k:05}{path.suffix}")
    files = sorted(folder.iterdir())
    if not files:
        sys.exit(f"{audio}: no audio files there")
    infos = [soundfile.info(path) for path in files]
    seconds = statistics.median(info.duration for info in infos)
    kinds = ", ".join(sorted({f"{info.samplerate / 1000:g} kHz {info.format}" for info in infos}))
    return files, f"{name}: {len(files)} files of {seconds:.1f} s ({kinds})"


def linked(files: Sequence[Path], folder: Path, n: int) -> Path:
    """A folder of `n` files: hard links to the files, over and over."""
    for k in range(n):
        place = folder / f"{k // 1_000:03}"
        place.mkdir(parents=True, exist_ok=True)
        original = files[k % len(files)]
        (place / f"{k:06}{original.suffix}").hardlink_to(original)
    return folder


def table(head: Sequence[str], rows: Rows) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, least and largest."""
    low, middle, high = (
        f"{each:,.{digits}f}" for each in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low} to {high})"


def where(*packages: str) -> str:
    """The machine, what else it was doing, and the versions that count."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("ser-batch", "numpy", "scipy", *packages))
    busy = _busy()
    return (
        f"{model[1] if model else platform.machine()}, {len(CORES)} cores, {memory:.0f} GB, {platform.system()}; "
        f"Python {platform.python_version()}, {versions}."
        + (f" **Other work had {busy:.0%} of the machine when this began.**" if busy > 0.05 else "")
    )


def _busy() -> float:
    """Share of all processor time that others take, measured for a second."""

    def ticks() -> tuple[int, int]:
        each = list(map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]))
        return sum(each), each[3] + each[4]  # idle, and waiting for a disk

    before = ticks()
    time.sleep(1)
    after = ticks()
    return 1 - (after[1] - before[1]) / max(1, after[0] - before[0])


def publish(name: str, parts: Iterable[str], data: object, chosen: argparse.Namespace) -> None:
    """Print what was measured, keep it in benchmarks/out/, and put it into the page if asked to."""
    text = "\n\n".join(parts)
    (kept_in(chosen) / f"{name}.json").write_text(json.dumps(data, indent=2))
    print(text, end="\n\n", flush=True)
    if chosen.write and not chosen.quick:
        page = PAGE.read_text(encoding="utf-8")
        fresh, found = re.subn(
            f"(<!-- benchmarks: {name} -->).*?<!-- end -->",
            lambda old: f"{old[1]}\n\n{text}\n\n<!-- end -->",
            page,
            flags=re.DOTALL,
        )
        assert found == 1, f"{PAGE} has no place for {name}"
        PAGE.write_text(fresh, encoding="utf-8")


def kept_in(chosen: argparse.Namespace) -> Path:
    """Where results go; those of a trial go elsewhere."""
    folder = OUT / "quick" if chosen.quick else OUT
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def picture(name: str, chosen: argparse.Namespace, panels: int = 1, height: float = 3.0) -> Iterator[Any]:
    """Axes to draw on, of `panels` pictures side by side: the page's if it is being renewed."""
    import matplotlib

    matplotlib.use("Agg")
    # text stays text, and nothing depends on the time: small files, small differences
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "ser-batch", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, panels, figsize=(8, height), layout="constrained")
    yield axes
    folder = PICTURES if chosen.write and not chosen.quick else kept_in(chosen)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
