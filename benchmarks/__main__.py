"""Command `python -m benchmarks`: all measurements of ser-batch, against other tools, by stage, and by size.

    python -m benchmarks all [AUDIO]        # those of docs/benchmarks.md, and renews its tables; --quick: a trial
    python -m benchmarks neighbours --help  # one of them

docs/benchmarks.md: neighbours, stages, growth, startup, train, and the picture of profile. docs/scaling.md: driver,
scaling, ray_nodes. docs/reliability.md: reliability. docs/inputs.md: lengths. docs/your-archive.md: calibration.
docs/experiments.md: pooling, denoise, weights. docs/voice.md: voice, speech_frames.
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
    "voice",
    "speech_frames",
)


def main() -> None:
    """Run the named benchmark."""
    name, rest = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name == "all":
        for each in PAGE:  # one process each, so that each imports its own packages
            subprocess.run([sys.executable, "-m", "benchmarks", each, "--write", *rest], check=True)
    elif name in PAGE + OTHERS:
        sys.argv = [f"python -m benchmarks {name}", *rest]
        import_module(f"benchmarks.{name}").main()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
