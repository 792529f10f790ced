"""Benchmark of start-up: time before a command does anything, against an empty Python program.

python -m benchmarks startup
"""

import statistics
import sys

from benchmarks import shared
from benchmarks.shared import seconds_of, table
from tests.running import SER_BATCH


def main() -> None:
    """Measure and print."""
    chosen = shared.arguments(__doc__).parse_args()
    rounds = 2 if chosen.quick else 4 * chosen.rounds
    where = shared.where("click", "ai-edge-litert")
    with shared.scratch() as scratch:
        files, _ = shared.clips(None, scratch / "clips")
        annotate = [*SER_BATCH, "annotate", files[0], "-o", scratch / "out", "--restart", "-q"]
        commands = {
            "`python -c pass`": [sys.executable, "-c", "pass"],
            '`python -c "import numpy"`': [sys.executable, "-c", "import numpy"],
            "`ser-batch --version`": [*SER_BATCH, "--version"],
            "`ser-batch --help`": [*SER_BATCH, "--help"],
            "`ser-batch annotate --help`": [*SER_BATCH, "annotate", "--help"],
            "`ser-batch annotate` of one file of 3.7 s": annotate,
            "the same with `-j 1`": [*annotate, "-j", "1"],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for k in range(-1, rounds):
            for name, command in commands.items():
                timed = seconds_of(command)
                if k >= 0:
                    times[name].append(timed)
    rows = []
    for name, timed in times.items():
        clock, used = zip(*timed, strict=True)
        rows.append([name, *(f"{each:.2f}" for each in (statistics.median(clock), min(clock), min(used)))])
    head = ["seconds", "median", "least", "least of the processor"]
    parts = [f"{where} {rounds} rounds, in turns.", table(head, rows)]
    shared.publish("startup", parts, times, chosen)
