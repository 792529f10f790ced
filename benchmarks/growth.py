"""Benchmark of growth: time and memory by number of files and by length of a file.

    python -m benchmarks growth --most-files 10000 --most-hours 10

`annotate` as anybody runs it, on one core and on all. The first row is there when the journal has the first result.
Memory is the resident set, as /proc tells its peak; shared libraries count in each process.
"""

import json
import shutil
import statistics
import subprocess
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from benchmarks import shared
from benchmarks.shared import CORES, ENVIRONMENT, RATE, linked, on_cores, table
from tests.running import ROOT, SER_BATCH, journal_lines, memory, workers

FILES = (10, 100, 1_000, 10_000)
HOURS = {1 / 3_600: "1 s", 1 / 60: "1 min", 0.1: "6 min", 1: "1 h", 10: "10 h"}
LOOK_SECONDS = 0.05

Run = dict[str, float]
Runs = dict[str, dict[int, dict[float, list[Run]]]]


def main() -> None:
    """Measure, print, draw."""
    parser = shared.arguments(__doc__)
    parser.set_defaults(rounds=3)
    parser.add_argument("--most-files", type=int, default=10_000)
    parser.add_argument("--most-hours", type=float, default=10, help="an hour takes 115 MB of disk")
    chosen = parser.parse_args()
    files = [n for n in FILES if n <= (10 if chosen.quick else chosen.most_files)]
    hours = [h for h in HOURS if h <= (1 / 60 if chosen.quick else chosen.most_hours)]
    rounds = 1 if chosen.quick else chosen.rounds
    where = shared.where("soundfile", "ai-edge-litert")
    counts = sorted({1, len(CORES)})
    runs: Runs = {kind: {cores: {} for cores in counts} for kind in ("files", "hours")}
    with shared.scratch() as scratch:
        clips, about = shared.clips(chosen.audio, scratch / "clips")
        for kind, sizes in (("files", files), ("hours", hours)):
            for size in sizes:
                audio = scratch / f"{kind} {size:g}"
                if kind == "files":
                    linked(clips, audio, int(size))
                else:
                    audio = long_file(audio.with_suffix(".wav"), size)
                for _ in range(rounds):
                    for cores in counts:
                        runs[kind][cores].setdefault(size, []).append(run(audio, scratch / "out", cores))
                if kind == "hours":
                    audio.unlink()
    parts = [f"{where} Medians of {rounds}. Files: {about}."]
    for kind, what in (("files", "files"), ("hours", "one WAV of 16 kHz")):
        for cores in counts:
            title = f"**{what[0].upper()}{what[1:]}, {cores} core{'s' * (cores > 1)}**"
            parts.append(f"{title}\n\n{lines(runs[kind][cores], kind)}")
    shared.publish("growth", parts, runs, chosen)
    draw(runs, chosen)


def long_file(path: Path, hours: float) -> Path:
    """One WAV of so many hours: the speech of samples/, over and over."""
    import numpy as np
    import soundfile

    speech = (shared.speech() * 32_767).astype(np.int16)
    left = round(hours * 3_600 * RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        while left:
            file.write(speech[:left])
            left -= min(left, len(speech))
    return path


def run(audio: Path, out: Path, cores: int) -> Run:
    """Annotate; seconds, seconds to the first row, audio seconds, and peaks of memory in MB."""
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    first, parent, worker = 0.0, 0.0, 0.0
    with on_cores(cores):
        running = subprocess.Popen(
            [*map(str, SER_BATCH), "annotate", str(audio), "-o", str(out), "-q"], cwd=ROOT, env=ENVIRONMENT
        )
        while running.poll() is None:
            first = first or (time.perf_counter() - began if journal_lines(out) else 0.0)
            parent = max(parent, memory(running.pid)[1])
            worker = max([worker, *(memory(pid)[1] for pid in workers(running.pid))])
            time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - began
    assert running.returncode == 0, f"annotate ended with {running.returncode}"
    audio_seconds = json.loads((out / "run.json").read_text())["audio_seconds"]
    return {
        "seconds": seconds,
        "first": first or seconds,
        "audio": audio_seconds,
        "parent": parent,
        "worker": worker,
    }


def middle(runs: Sequence[Run]) -> Run:
    """The medians of several runs."""
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}


def lines(by_size: dict[float, list[Run]], kind: str) -> str:
    """A row for each size of the work."""
    rows = []
    for size, runs in by_size.items():
        each = middle(runs)
        what = f"{size:,}" if kind == "files" else HOURS[size]
        speed = f"{each['audio'] / each['seconds']:,.0f}×"
        rate = [f"{size / each['seconds']:,.1f}"] if kind == "files" else []
        times = [f"{each[name]:,.2f}" for name in ("seconds", "first")]
        peaks = [f"{each[name]:,.0f}" for name in ("parent", "worker")]
        rows.append([what, *times, *rate, speed, *peaks])
    head = ["files" if kind == "files" else "audio", "seconds", "first row after"]
    head += ["files a second"] if kind == "files" else []
    return table([*head, "real time", "parent's peak, MB", "a worker's peak, MB"], rows)


def draw(runs: Runs, chosen: Namespace) -> None:
    """Seconds by number of files and by length, and the peaks of memory."""
    with shared.picture("benchmarks-growth", chosen, panels=3, height=2.8) as panels:
        for axes, kind in zip(panels, ("files", "hours"), strict=False):
            for cores, by_size in runs[kind].items():
                seconds = [middle(each)["seconds"] for each in by_size.values()]
                axes.loglog(list(by_size), seconds, "-o", label=f"{cores} core{'s' * (cores > 1)}")
            axes.set(xlabel="files" if kind == "files" else "hours of one file", ylabel="seconds")
            axes.legend()
        for process in ("parent", "worker"):
            for kind, style in (("files", "-o"), ("hours", "--s")):
                sizes = runs[kind][max(runs[kind])]
                audio = [middle(each)["audio"] / 3_600 for each in sizes.values()]
                peaks = [middle(each)[process] for each in sizes.values()]
                label = f"{process}, {'many files' if kind == 'files' else 'one file'}"
                panels[2].semilogx(audio, peaks, style, label=label)
        panels[2].set(xlabel="hours of audio", ylabel="peak memory, MB", ylim=(0, None))
        panels[2].legend(fontsize=7)
