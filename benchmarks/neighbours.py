"""Benchmark against the notebook's loop, librosa, noisereduce and openSMILE, on the same files in the same run.

    python -m benchmarks neighbours AUDIO

Each tool is run as a whole command on few files and on many (hard links to those of AUDIO), in turns with the others.
The time of a file is the slope, (many - few) / (files more), without the start-up, which is what is left over.
On all cores the loops get a process a core, each with its share of the files. Ratios are formed within a round. The
processor time stands beside the time on the clock: other work on the machine changes it less.
"""

import statistics
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from benchmarks import shared
from benchmarks.shared import CORES, linked, on_cores, seconds_of, spread, table
from tests.running import SER_BATCH

GATE, PLAIN = "ser-batch, denoise on", "ser-batch, denoise off"
LOOP, SMILE = "the notebook's loop", "openSMILE: eGeMAPS alone"
# the function in loops.py, and files enough for some 5 s on one core
TOOLS: dict[str, tuple[str, int]] = {
    GATE: ("--denoise", 1_200),
    PLAIN: ("--no-denoise", 1_800),
    LOOP: ("notebook", 60),
    "librosa: MFCCs alone": ("librosa_features", 600),
    "noisereduce alone": ("noise_reduction", 150),
    SMILE: ("opensmile", 100),
}
FEW = 10  # times fewer files
BATCH = 1_000  # files for which the start-up is shown in the time

# seconds of a file, of the start-up, and of the processor for a file
Timed = tuple[float, float, float]
# by number of cores and tool, one for each round
Times = dict[int, dict[str, list[Timed]]]


def main() -> None:
    """Measure, print, draw."""
    parser = shared.arguments(__doc__)
    parser.add_argument(
        "--tools", nargs="+", default=list(TOOLS), metavar="TOOL", help="some of: %(default)s"
    )
    chosen = parser.parse_args()
    tools = {name: TOOLS[name] for name in chosen.tools}
    rounds = 2 if chosen.quick else chosen.rounds
    where = shared.where("librosa", "noisereduce", "tensorflow", *(["opensmile"] if SMILE in tools else []))
    times: Times = {cores: {name: [] for name in tools} for cores in sorted({1, len(CORES)})}
    with shared.scratch() as scratch:
        files, about = shared.clips(chosen.audio, scratch / "clips")
        of = cache(lambda n: linked(files, scratch / f"{n}", n))
        for k in range(-1, rounds):  # the first one is for caches, of files and of compiled code
            for cores, by_tool in times.items():
                for name, (argument, many) in tools.items():
                    # a tool's own share of the work grows with the cores, so that its time stays
                    n = max(2 * FEW, many * cores // (10 if chosen.quick or k < 0 else 1))
                    timed = time_of(argument, cores, of, n, scratch / "out")
                    if k >= 0:
                        by_tool[name].append(timed)
    parts = [where + f" {about}; {rounds} rounds.", *tables(times), *gains(times)]
    data = {"about": about, "seconds of a file, of the start, of the processor a file": times}
    shared.publish("neighbours", parts, data, chosen)
    draw(times, chosen)


def time_of(argument: str, cores: int, folder_of: Callable[[int], Path], n: int, out: Path) -> Timed:
    """One tool's seconds, from a run on few files and one on `n`."""
    few = n // FEW

    def whole(files: int) -> tuple[float, float]:
        folder = folder_of(files)
        if argument.startswith("--"):
            return seconds_of([*SER_BATCH, "annotate", folder, "-o", out, "--restart", "-q", argument])
        loop = [SER_BATCH[0], "-m", "benchmarks.loops", argument, folder]
        return seconds_of(*([*loop, core, cores] for core in range(cores)))

    with on_cores(cores):
        (short, short_used), (long, long_used) = whole(few), whole(n)
    a_file = (long - short) / (n - few)
    return a_file, short - few * a_file, (long_used - short_used) / (n - few)


def tables(times: Times) -> list[str]:
    """One for each number of cores; a ratio is formed within each round."""
    made = []
    for cores, by_tool in times.items():
        own = [name for name in (GATE, PLAIN) if name in by_tool]
        rows = []
        for name, timed in by_tool.items():
            a_file, start, used = map(statistics.median, zip(*timed, strict=True))
            ms = [f"{1_000 * each:,.2f}" for each in (a_file, used)]
            ratios = [spread(ratio(timed, by_tool[each])) if name != each else "1" for each in own]
            rows.append([name, *ms, f"{start:.1f}", f"{start + BATCH * a_file:,.1f}", *ratios])
        head = ["", "a file, ms", "processor, ms", "start-up, s", f"{BATCH:,} files, start-up in, s"]
        head += [f"times the time of {each}" for each in own]
        made.append(f"**{'One core' if cores == 1 else f'{cores} cores'}**\n\n{table(head, rows)}")
    return made


def ratio(these: Sequence[Timed], those: Sequence[Timed]) -> list[float]:
    """How many times the time of a file the first take, round by round."""
    return [one[0] / other[0] for one, other in zip(these, those, strict=True)]


def gains(times: Times) -> list[str]:
    """Of ser-batch, all cores against one, and against the loop as it was: one process, whatever the machine has."""
    most = max(times)
    said = []
    for own in (GATE, PLAIN):
        if own not in times[1] or most == 1:
            continue
        said += [
            f"{own}: {most} cores do {spread(ratio(times[1][own], times[most][own]), 2)} times the work of one."
        ]
        if LOOP in times[1]:
            gain = spread(ratio(times[1][LOOP], times[most][own]))
            said[-1] += f" The notebook's loop, which knows of one core, takes {gain} times their time."
    return said


def draw(times: Times, chosen: Namespace) -> None:
    """Milliseconds of a file, for each tool and number of cores."""
    with shared.picture("benchmarks-neighbours", chosen) as axes:
        height = 0.8 / len(times)
        for i, (cores, by_tool) in enumerate(times.items()):
            values = [1_000 * statistics.median(each[0] for each in timed) for timed in by_tool.values()]
            places = [k + i * height for k in range(len(values))]
            bars = axes.barh(places, values, height, label=f"{cores} core{'s' * (cores > 1)}")
            axes.bar_label(bars, [f"{value:.2g}" for value in values], padding=3)
        axes.set_yticks([k + height * (len(times) - 1) / 2 for k in range(len(values))], list(by_tool))
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xscale="log", xlabel="ms a file, start-up left out (logarithmic)")
        axes.legend()
