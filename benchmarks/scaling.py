"""Estimate for clusters: time of 10^5 to 10^9 files on 1 to 1,000 nodes, and the first bottleneck.

    python -m benchmarks driver && python -m benchmarks scaling       # the tables and picture of docs/scaling.md

A model: every figure of ser-batch is measured (benchmarks/out/costs.json), every one of the cluster is assumed.
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COSTS = ROOT / "benchmarks" / "out" / "costs.json"
PICTURE = ROOT / "docs" / "pictures" / "scaling.png"

FILES = [10**k for k in range(5, 10)]
NODES = [1, 10, 100, 1_000]
CORES = 32  # a node
NETWORK = 1.25e9  # bytes a second into a node: 10 Gbit/s
STORAGE = 20e9  # bytes a second out of the archive, to all nodes together
METADATA = 200_000  # files a second that its server can list, for all nodes together
DISK = 200e6  # bytes a second for the journal and the tables
KINDS = {2: ("4.5 s of 16 kHz WAV", 144e3), 40: ("61.5 s of 16 kHz WAV", 1.968e6)}  # by their windows


def main() -> None:
    """Print the tables, draw the picture."""
    costs = json.loads(COSTS.read_text())
    for windows, (what, _) in KINDS.items():
        print(f"### {what} a file\n\n{one_driver(costs, windows)}\n\n{table(costs, windows)}\n")
        print(f"Listed once, tables not merged:\n\n{table(costs, windows, listed_once=True)}\n")
    draw(costs)


def steps(
    costs: dict[str, dict[str, float]], windows: int, files: float, nodes: int, listed_once: bool = False
) -> dict[str, float]:
    """Seconds of each step, with a shard for each node; those from `worker` to `journal` run at the same time."""
    what = f"a file of {windows} windows"
    size = KINDS[windows][1]
    journal, tables = costs[f"journal, {what}"]["bytes"], costs[f"tables, {what}"]
    part = files / nodes
    listing = files * max(costs["listing, a file, as 1 of 1,000 shards"]["CPU"], nodes / METADATA)
    if listed_once:
        listing = files / METADATA + max(part * costs["listing, a file of a list"]["CPU"], files / METADATA)
    return {
        "listing": listing,
        "worker": part * costs[f"worker, {what}"]["CPU"] / CORES,
        "driver": part * costs[f"driver, {what}, 2 workers"]["CPU"],
        "storage": max(part * size / NETWORK, files * size / STORAGE),
        "journal": part * journal / DISK,
        "tables": part * max(tables["CPU"], tables["bytes"] / DISK),
        "merge": 0.0 if listed_once or nodes == 1 else files * max(tables["CPU"], tables["bytes"] / DISK),
    }


def total(times: dict[str, float]) -> float:
    """Seconds from the first listing to the last table."""
    at_once = max(times[step] for step in ("worker", "driver", "storage", "journal"))
    return times["listing"] + at_once + times["tables"] + times["merge"]


def table(costs: dict[str, dict[str, float]], windows: int, listed_once: bool = False) -> str:
    """Time, and the step that takes the most of it, for each number of files and of nodes."""
    head = " | ".join(f"{nodes:,} node{'s' * (nodes > 1)}" for nodes in NODES)
    lines = [f"| files | {head} |", "|---" * (len(NODES) + 1) + "|"]
    for files in FILES:
        cells = []
        for nodes in NODES:
            times = steps(costs, windows, files, nodes, listed_once)
            cells.append(f"{duration(total(times))}: {max(times, key=times.__getitem__)}")
        lines.append(f"| 10^{len(str(files)) - 1} | {' | '.join(cells)} |")
    return "\n".join(lines)


def one_driver(costs: dict[str, dict[str, float]], windows: int) -> str:
    """How much a single driver can feed."""
    what = f"a file of {windows} windows"
    driver, worker = costs[f"driver, {what}, 2 workers"]["CPU"], costs[f"worker, {what}"]["CPU"]
    return (
        f"One driver takes {1 / driver:,.0f} results per second, the output of {worker / driver:,.0f} cores."
    )


def duration(seconds: float) -> str:
    """For people."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def draw(costs: dict[str, dict[str, float]]) -> None:
    """Hours of each step for 10^8 short files, by nodes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for axes, listed_once in zip(panels, (False, True), strict=True):
        series = [steps(costs, 2, 10**8, nodes, listed_once) for nodes in NODES]
        for step, style in zip(series[0], ("-o", "-s", "-^", "-v", "-D", "-x", "-+"), strict=True):
            axes.loglog(NODES, [times[step] / 3_600 or None for times in series], style, label=step)
        axes.loglog(NODES, [total(times) / 3_600 for times in series], "k--", label="in all")
        title = "listed once, not merged" if listed_once else "each shard lists all, then a merge"
        axes.set(title=title, xlabel="nodes", ylim=(1e-3, 1e3))
        axes.set_xticks(NODES, [f"{nodes:,}" for nodes in NODES])
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("hours")
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=76)
