"""Comparison of the lengths of decoded files with FFmpeg: `python -m benchmarks lengths FOLDER...`.

Every file below the folders is annotated, whatever its suffix, and decoded by the `ffmpeg` command. A file that is
annotated with another length than FFmpeg's is listed; the exit code is 1 if there is one.
"""

import argparse
import csv
import os
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.shared import scratch, table

TOLERANCE = 0.1
RATE = 16_000
TIMEOUT = 60


def main() -> None:
    """Compare the lengths and print a table for docs/inputs.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument(
        "--list", action="store_true", help="list also the files that only one of them decodes"
    )
    chosen = parser.parse_args()
    files = {
        path: folder
        for folder in chosen.folders
        for path in sorted(folder.resolve().rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    ours, failures = annotated(list(files))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        theirs = dict(zip(files, pool.map(ffmpeg_seconds, files), strict=True))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong, single = [], []
    for path, folder in files.items():
        length, expected = ours.get(path), theirs[path]
        if length is None and not expected:
            kind = "neither decodes"
        elif length is None:
            kind = "only FFmpeg"
            single.append((path, f"{expected:.2f} s: {failures[path]}"))
        elif not expected:
            kind = "only ser-batch"
            single.append((path, f"{length:.3f} s, FFmpeg nothing"))
        elif abs(length - expected) <= TOLERANCE:
            kind = "same length"
        else:
            kind = "another length"
            wrong.append((path, f"{length:.3f} s, FFmpeg {expected:.3f} s"))
        counts[folder.name][kind] += 1
    kinds = ("same length", "another length", "only ser-batch", "only FFmpeg", "neither decodes")
    rows = [(name, count.total(), *(count[kind] for kind in kinds)) for name, count in sorted(counts.items())]
    print(table(("files of", "all", *kinds), rows))
    for path, text in wrong + (single if chosen.list else []):
        print(f"{path}: {text}")
    sys.exit(bool(wrong))


def annotated(paths: list[Path]) -> tuple[dict[Path, float], dict[Path, str]]:
    """Durations in seconds of the files that are annotated, and the messages of the others."""
    with scratch() as out:
        command = [sys.executable, "-m", "ser_batch", "annotate", "-", "-o", out, "--absolute", "--quiet"]
        names = b"\n".join(os.fsencode(path) for path in paths)
        subprocess.run(command, input=names, stderr=subprocess.DEVNULL, check=False)
        durations = {path: float(cell) for path, cell in _column(out / "files.csv", "duration")}
        return durations, dict(_column(out / "failures.csv", "message"))


def _column(path: Path, name: str) -> list[tuple[Path, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return [(Path(row["file"]), row[name]) for row in csv.DictReader(lines)]


def ffmpeg_seconds(path: Path) -> float:
    """Length of the first audio track by FFmpeg's decoder; 0 if it decodes nothing."""
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    try:
        return len(subprocess.run(command, capture_output=True, timeout=TIMEOUT).stdout) / 2 / RATE
    except subprocess.TimeoutExpired:
        return 0.0


if __name__ == "__main__":
    main()
