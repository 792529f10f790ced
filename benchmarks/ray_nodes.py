"""Benchmark of two nodes of a Ray cluster against one, for the same work.

    python -m benchmarks ray_nodes --pairs 3 --copies 60

Starts two clusters on this machine, of one raylet and of two, each raylet with one CPU; annotates copies of the
samples on one and on the other in turns; prints the seconds of each run, start of the actors included, and the ratios.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from ser_batch.engine.job import Options
from ser_batch.runs.progress import Progress
from ser_batch.runs.run import run
from tests.ray_cluster import cluster_of

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3, help="runs on one node and on two")
    parser.add_argument("--copies", type=int, default=60, help="of the ten samples, two minutes of audio")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="ray-nodes-") as scratch,
        cluster_of(1, {}) as one,
        cluster_of(2, {}) as two,
    ):
        audio = Path(scratch) / "in"
        for k in range(chosen.copies):
            shutil.copytree(SAMPLES, audio / f"{k:04}")
        ratios = []
        for k in range(chosen.pairs):
            one_node, two_nodes = (
                run(
                    [str(audio)], Path(scratch) / "out", Options(ray=each.address, restart=True), Progress()
                ).wall_seconds
                for each in (one, two)
            )
            ratios.append(one_node / two_nodes)
            print(
                f"pair {k + 1}: one node {one_node:.1f} s, two {two_nodes:.1f} s: {ratios[-1]:.2f}x",
                flush=True,
            )
    print(f"two nodes against one: {statistics.median(ratios):.2f}x (median of {len(ratios)})")
