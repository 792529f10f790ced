"""Flame graph of a worker, by function: docs/pictures/profile.svg.

    python -m benchmarks profile AUDIO

py-spy watches ser-batch's worker, with its gate, in one process; native code counts for the line that calls it.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import shared
from benchmarks.shared import ENVIRONMENT, PICTURES, linked
from tests.running import ROOT


def main() -> None:
    """Record."""
    chosen = shared.arguments(__doc__).parse_args()
    folder = PICTURES if chosen.write and not chosen.quick else shared.kept_in(chosen)
    with shared.scratch() as scratch:
        files, about = shared.clips(chosen.audio, scratch / "clips")
        audio = linked(files, scratch / "many", 100 if chosen.quick else 3_000)
        watch = [
            str(Path(sys.executable).with_name("py-spy")),
            "record",
            "--rate",
            "100",
            "--format",
            "flamegraph",
        ]
        watch += ["--output", str(folder / "profile.svg"), "--"]
        work = [sys.executable, "-m", "benchmarks.loops", "worker", str(audio), "0", "1"]
        subprocess.run([*watch, *work], cwd=ROOT, env=ENVIRONMENT, check=True)
    picture = folder / "profile.svg"
    title = "ser-batch's worker, denoise on: wider is longer, callers are above"
    # py-spy's own is its command line, with this machine's paths
    plain = re.sub(r'(<text id="title"[^>]*>)[^<]*', rf"\g<1>{title}", picture.read_text(encoding="utf-8"))
    picture.write_text(plain, encoding="utf-8")
    print(f"{picture.relative_to(ROOT)}: {about}")
