"""All measurements of ser-batch, side by side with its neighbours, stage by stage, and as the work grows.

    python -m benchmarks all [AUDIO]        # the five of docs/benchmarks.md, whose tables it renews; --quick: a trial
    python -m benchmarks neighbours --help  # one of them

Those of the page: neighbours, stages, growth, startup, train; and profile, its picture.
Others: driver, scaling, ray_nodes (docs/scaling.md), reliability (docs/reliability.md), lengths (docs/inputs.md);
calibration (docs/your-archive.md);
pooling, denoise and weights (docs/experiments.md).
"""

import subprocess
import sys
from importlib import import_module

PAGE = ("startup", "stages", "neighbours", "growth", "train", "profile")
OTHERS = (
    "driver",
    "scaling",
    "ray_nodes",
    "reliability",
    "pooling",
    "denoise",
    "weights",
    "lengths",
    "calibration",
)


def main() -> None:
    """Run the benchmark that is named."""
    name, rest = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name == "all":
        for each in PAGE:  # one process each: none inherits what another has loaded
            subprocess.run([sys.executable, "-m", "benchmarks", each, "--write", *rest], check=True)
    elif name in PAGE + OTHERS:
        sys.argv = [f"python -m benchmarks {name}", *rest]
        import_module(f"benchmarks.{name}").main()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
