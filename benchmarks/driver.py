"""Benchmark of the parent process: time for each file, step by step (docs/scaling.md).

    python -m benchmarks driver                  # the table, and benchmarks/out/costs.json for scaling: 3 minutes
    python -m benchmarks driver --files 2000     # in seconds

The driver is the real run, from the search to the tables; only its workers answer at once, with a made-up result.
`CPU` is the time of the driver's own process, which other work on the machine does not change much.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import soundfile

from ser_batch.cli.progress import Lines
from ser_batch.engine import pool, processes
from ser_batch.engine.job import Options, Settings
from ser_batch.engine.result import Annotation, Outcome
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import load_bundle
from ser_batch.runs.merging import merge
from ser_batch.runs.plan import Plan
from ser_batch.runs.progress import Work
from ser_batch.runs.run import run
from ser_batch.runs.settings import resolve_settings
from ser_batch.runs.shards import Shard
from tests.running import ROOT, many_files

SPEECH = ROOT / "samples" / "phone" / "booking.wav"
COSTS = ROOT / "benchmarks" / "out" / "costs.json"
SHORT, LONG = 2, 40  # windows in a file: 4 s and a minute
SHARDS = 4

Costs = dict[str, dict[str, float]]


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument(
        "--scratch", type=Path, help="folder for the files, on the disk that is to be measured"
    )
    chosen = parser.parse_args()
    costs: Costs = {}
    pool._serve = instant
    with tempfile.TemporaryDirectory(dir=chosen.scratch, prefix="driver-") as name:
        scratch = Path(name)
        many_files(scratch / "in", chosen.files)
        listing(costs, scratch / "in")
        for windows, jobs in ((SHORT, 2), (SHORT, 64), (LONG, 2)):
            driver(costs, scratch / "in", scratch / f"{windows} {jobs}", windows, jobs)
        merging(costs, scratch / "in", scratch / "shards")
    with processes.child_environment(), ProcessPoolExecutor(1, mp_context=processes.SPAWN) as executor:
        costs |= executor.submit(worker).result()
    COSTS.parent.mkdir(parents=True, exist_ok=True)
    COSTS.write_text(json.dumps(costs, indent=2))
    print(table(costs))


def listing(costs: Costs, audio: Path) -> None:
    """The search, of everything and of a shard's part."""
    with timed(costs, "listing, a file") as n:
        n.append(len(Plan([str(audio)])))
    with timed(costs, "listing, a file, as 1 of 1,000 shards") as n:
        n.append(Plan([str(audio)], holds=Shard(1, 1_000).holds).n_found)
    paths = sorted(map(str, audio.rglob("*.wav")))
    with timed(costs, "listing, a file of a list") as n:
        n.append(len(Plan(paths)))


def driver(costs: Costs, audio: Path, out: Path, windows: int, jobs: int) -> None:
    """A whole run with workers that answer at once; then once more, when there is nothing left but the tables."""
    os.environ["WINDOWS"] = str(windows)
    what = f"a file of {windows} windows"
    clock = Clock()
    files = run([str(audio)], out, Options(jobs=jobs), clock).files
    costs[f"driver, {what}, {jobs} workers"] = a_file(clock.first, clock.ended, files)
    if jobs > 2:
        return
    costs[f"journal, {what}"] = size_of(files, out / ".journal" / "run.journal")
    began = now()
    run([str(audio)], out, Options(), clock)
    costs[f"listing and reading the journal, {what}"] = a_file(began, clock.began, files)
    costs[f"tables, {what}"] = a_file(clock.ended, now(), files)
    costs[f"tables, {what}"] |= size_of(files, out / "files.csv", out / "segments.csv")


def size_of(files: int, *paths: Path) -> dict[str, float]:
    """Bytes for each of so many files."""
    return {"bytes": sum(path.stat().st_size for path in paths) / files}


def merging(costs: Costs, audio: Path, out: Path) -> None:
    """Joining shards."""
    os.environ["WINDOWS"] = str(SHORT)
    for i in range(1, SHARDS + 1):
        run([str(audio)], out, Options(jobs=2, shard=f"{i}/{SHARDS}"), Lines())
    with timed(costs, f"merge, a file of {SHORT} windows") as n:
        n.append(merge([out], out).files)


def worker() -> Costs:
    """The real worker: its start, a file, and each window of it. Runs in a process like its own."""
    from ser_batch.engine.worker import Worker

    costs: Costs = {}
    with timed(costs, "worker, loading the model") as n:
        annotator = Worker(resolve_settings(Options(), load_bundle(Options().model)))
        n.append(1)
    speech, rate = soundfile.read(SPEECH, dtype="int16")
    speech = np.tile(speech, -(-61 * rate // len(speech)))
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        for windows in (SHORT, LONG):
            path = f"{name}/{windows}.wav"
            soundfile.write(path, speech[: round((3 + 1.5 * (windows - 1)) * rate)], rate)
            annotator.annotate(path)  # its first time is slower
            what = f"worker, a file of {windows} windows"
            with timed(costs, what) as n:
                n.append(2_000 // windows)
                for _ in range(n[0]):
                    annotator.annotate(path)
            seconds.append(costs[what])
    costs["worker, a window"] = {
        kind: (seconds[1][kind] - seconds[0][kind]) / (LONG - SHORT) for kind in ("wall", "CPU")
    }
    return costs


class Clock(Lines):
    """The progress that a log gets, and how long it was from the first result to the last."""

    first: tuple[float, float] | None = None

    def begin(self, work: Work) -> None:
        """The search is over."""
        super().begin(work)
        self.began = now()

    def advance(self, source: Source, outcome: Outcome) -> None:
        """The first result starts the clock."""
        self.first = self.first or now()
        super().advance(source, outcome)

    def end(self) -> None:
        """Only the tables are to be written."""
        super().end()
        self.ended = now()


def now() -> tuple[float, float]:
    """Seconds on the wall, and of this process's CPU time."""
    return time.perf_counter(), time.process_time()


def a_file(began: tuple[float, float], ended: tuple[float, float], files: int) -> dict[str, float]:
    """What each of so many files took."""
    return {"wall": (ended[0] - began[0]) / files, "CPU": (ended[1] - began[1]) / files}


def instant(pipe: Connection, settings: Settings) -> None:
    """The life of a worker process that annotates in no time."""
    processes.exit_with_parent()
    answer = made_up(int(os.environ["WINDOWS"]))
    pipe.send(None)
    with suppress(EOFError):
        while True:
            for _ in pipe.recv():
                pipe.send(answer)


def made_up(windows: int) -> Annotation:
    """A result as a worker sends it."""
    starts = 24_000 * np.arange(windows)
    shares = np.random.default_rng(0).multinomial(10_000, [1 / 6] * 6, windows).astype(np.int32)
    return Annotation(16_000, starts, starts + 48_000, shares, np.full(windows, 9_000, np.int32))


@contextmanager
def timed(costs: Costs, name: str) -> Iterator[list[int]]:
    """Note what each of so many things took, whose number is put into the list."""
    number: list[int] = []
    began = now()
    yield number
    costs[name] = a_file(began, now(), number[0])


def table(costs: Costs) -> str:
    """For a page."""
    lines = ["| | wall | CPU | a second, by CPU | bytes |", "|---|---|---|---|---|"]
    for name, cost in costs.items():
        times = [f"{cost[kind] * 1e6:,.0f} µs" if kind in cost else "" for kind in ("wall", "CPU")]
        rate = f"{1 / cost['CPU']:,.0f}" if "CPU" in cost else ""
        size = f"{cost['bytes']:,.0f}" if "bytes" in cost else ""
        lines.append(f"| {name} | {times[0]} | {times[1]} | {rate} | {size} |")
    return "\n".join(lines)
