"""Soak and fault test: `annotate` with killed processes, little memory, and damaged files.

    python -m benchmarks reliability                    # everything, as reported in docs/reliability.md: half an hour
    python -m benchmarks reliability --scale 0.01       # everything, in a minute or two
    python -m benchmarks reliability kills disk

Writes a CSV for each experiment, `memory.png` and `report.md` into `--out`. Linux; the full disk takes root.
"""

import argparse
import csv
import math
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tests.running import (
    ROOT,
    SER_BATCH,
    group,
    journal_lines,
    many_files,
    peak,
    pretend_done,
    tables,
    watched,
    workers,
)
from tests.running import rows as rows_in

ANNOTATE = [*SER_BATCH, "annotate"]
CLIPS = [
    ROOT / "samples" / name
    for name in ("meeting/introduction.flac", "phone/booking.wav", "phone/voicemail.mp3", "radio/weather.ogg")
]
SAMPLE_SECONDS = 0.2

Row = dict[str, object]


def main() -> None:
    """Run the experiments that are named, or all."""
    experiments: dict[str, Callable[[Path, float], list[Row]]] = {
        "kills": kills,
        "workers": workers_killed,
        "disk": full_disk,
        "soak": soak,
        "million": million,
        "long": long_files,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiments", nargs="*", metavar="|".join(experiments))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out" / "reliability")
    parser.add_argument(
        "--scratch", type=Path, help="folder for audio and tables, some GB; it is emptied afterwards"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="part of the full number of files, kills and hours"
    )
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    random.seed(20_261_122)
    report = []
    for name in chosen.experiments or experiments:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=chosen.scratch, prefix=f"reliability-{name}-") as scratch:
            rows = experiments[name](Path(scratch), chosen.scale)
            if (memory := Path(scratch) / "memory.csv").exists():
                shutil.copy(memory, chosen.out / "memory.csv")
                draw(chosen.out / "memory.csv", chosen.out / "memory.png")
        write_csv(chosen.out / f"{name}.csv", rows)
        report.append(f"### {name}\n\n{experiments[name].__doc__}\n\n{markdown(rows)}")
        print(f"{report[-1]}\n{time.monotonic() - began:,.0f} s\n", flush=True)
    (chosen.out / "report.md").write_text("\n".join(report))


def kills(scratch: Path, scale: float) -> list[Row]:
    """SIGKILL to the parent at a random moment of a run, from its first import to its last table; then a resume."""
    audio = archive(scratch / "in", 200)
    whole, seconds = undisturbed(audio, scratch)
    moments, lingering, done_before, same = [], [], [], 0
    for k in range(max(5, round(250 * scale))):
        out = scratch / f"{k}"
        running = start(audio, out)
        moments.append(random.uniform(0, seconds))
        time.sleep(moments[-1])
        running.kill()
        running.wait()
        lingering.append(seconds_to_end(running.pid))
        done_before.append(journal_lines(out))
        same += run(audio, out)[0] == 0 and tables(out) == whole
        shutil.rmtree(out)
    return [
        {
            "kills": len(moments),
            "seconds of a whole run": round(seconds, 1),
            "earliest": round(min(moments), 2),
            "latest": round(max(moments), 2),
            "killed before the first result": sum(not done for done in done_before),
            "killed after the last result": sum(done == 200 for done in done_before),
            "until no process was left, at most (s)": round(max(lingering), 1),
            "tables as undisturbed, byte for byte": same,
        }
    ]


def workers_killed(scratch: Path, scale: float) -> list[Row]:
    """SIGKILL to a random worker every 2 s."""
    n = round(20_000 * scale)
    audio = archive(scratch / "in", n)
    whole, _ = undisturbed(audio, scratch)
    running = start(audio, scratch / "out")
    killed = 0
    while running.poll() is None:
        time.sleep(2)
        if found := workers(running.pid):
            killed += 1
            os.kill(random.choice(found), signal.SIGKILL)
    failures = rows_in(scratch / "out" / "failures.csv")
    return [
        {
            "files": n,
            "workers killed": killed,
            "files lost": len(failures),
            "exit code": running.returncode,
            "tables as undisturbed, byte for byte": tables(scratch / "out") == whole,
        }
    ]


def full_disk(scratch: Path, scale: float) -> list[Row]:
    """A file system that is too small for the results; the same command again each time that it has been enlarged."""
    audio = archive(scratch / "in", max(200, round(2_000 * scale)))
    whole, _ = undisturbed(audio, scratch)
    place = scratch / "disk"
    place.mkdir()
    size = 32
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", place], check=True)
    rows: list[Row] = []
    try:
        code = 1
        while code:
            code, said = run(audio, place / "out")
            rows.append(
                {
                    "size (kB)": size,
                    "exit code": code,
                    "results in the journal": journal_lines(place / "out"),
                    "said": said.splitlines()[-1].replace(str(place), "…") if code else "",
                    "tables as undisturbed, byte for byte": tables(place / "out") == whole
                    if not code
                    else "–",
                }
            )
            size *= 2
            subprocess.run(["mount", "-o", f"remount,size={size}k", place], check=True)
    finally:
        subprocess.run(["umount", place], check=True)
    return rows


def soak(scratch: Path, scale: float) -> list[Row]:
    """Many files, of which every hundredth is damaged in one of five ways."""
    n = round(20_000 * scale)
    audio = archive(scratch / "in", n)
    bad = set()
    for k, path in enumerate(sorted(audio.rglob("?*.*"))[::100]):
        bad.add(str(path.relative_to(audio)))
        damage(path, k)
    running = start(audio, scratch / "out")
    samples = watched(running, SAMPLE_SECONDS)
    write_csv(scratch / "memory.csv", samples)
    half = len(samples) // 2
    failed = {row["file"] for row in rows_in(scratch / "out" / "failures.csv")}
    done = {row["file"] for row in rows_in(scratch / "out" / "files.csv")}
    return [
        {
            "files": n,
            "damaged": len(bad),
            "damaged and reported": len(bad & failed),
            "good files lost": n - len(bad) - len(done - bad),
            "exit code": running.returncode,
            "parent, 1st half, peak (MB)": peak(samples[:half], "parent"),
            "parent, 2nd half, peak (MB)": peak(samples[half:], "parent"),
            "worker, 1st half, peak (MB)": peak(samples[:half], "worker"),
            "worker, 2nd half, peak (MB)": peak(samples[half:], "worker"),
        }
    ]


def million(scratch: Path, scale: float) -> list[Row]:
    """A resume of a run over a million files, all of them done: finding them, reading the journal, the tables."""
    n = round(1_000_000 * scale)
    many_files(scratch / "in", n)
    pretend_done(scratch / "in", scratch / "out")
    rows: list[Row] = []
    listed = scratch / "list"
    with listed.open("w") as file:
        file.writelines(f"{path}\n" for path in sorted((scratch / "in").rglob("*.wav")))
    for source, argument in (("a directory", scratch / "in"), ("a list on stdin", "-")):
        with listed.open() as stdin:
            began = time.monotonic()
            running = start(argument, scratch / "out", stdin=stdin)
            samples = watched(running)
        rows.append(
            {
                "files": n,
                "named by": source,
                "seconds": round(time.monotonic() - began),
                "parent, peak (MB)": peak(samples, "parent's peak"),
                "rows in files.csv": len(rows_in(scratch / "out" / "files.csv")),
            }
        )
    return rows


def long_files(scratch: Path, scale: float) -> list[Row]:
    """One file a run, of 16 kHz mono speech: does memory depend on its length?"""
    rows: list[Row] = []
    speech = np.concatenate(
        [soundfile.read(ROOT / "samples" / "phone" / "booking.wav", dtype="int16")[0]] * 12
    )
    for name, subtype in (("wav", "PCM_16"), ("flac", "PCM_16"), ("mp3", "MPEG_LAYER_III")):
        for minutes in (1.0, max(2.0, 600 * scale)):
            path = scratch / f"{minutes:g}.{name}"
            with soundfile.SoundFile(path, "w", 16_000, 1, subtype, format=name.upper()) as file:
                while file.frames < minutes * 60 * 16_000:
                    file.write(speech)
            began = time.monotonic()
            running = start(path, scratch / f"out {path.name}")
            samples = watched(running)
            rows.append(
                {
                    "format": name,
                    "minutes": round(minutes, 1),
                    "size (MB)": round(path.stat().st_size / 1e6, 1),
                    "seconds": round(time.monotonic() - began, 1),
                    "worker, peak (MB)": peak(samples, "worker's peak"),
                    "parent, peak (MB)": peak(samples, "parent's peak"),
                    "exit code": running.returncode,
                }
            )
            path.unlink()
    return rows


def archive(folder: Path, n: int) -> Path:
    """`n` hard links to copies of the clips, in folders of a thousand."""
    for k in range(n):
        clip = CLIPS[k % len(CLIPS)]
        place = folder / f"{k // 1_000:03}"
        original = place / clip.name
        path = place / f"{k:06} {clip.name}"
        place.mkdir(parents=True, exist_ok=True)
        if not original.exists():
            shutil.copy(clip, original)
        path.hardlink_to(original)
    for place in folder.iterdir():
        for clip in CLIPS:
            (place / clip.name).unlink(missing_ok=True)
    return folder


def damage(path: Path, k: int) -> None:
    """Replace a good file by a bad one."""
    content = path.read_bytes()
    path.unlink()
    ways = [b"", b"dear diary", b"RIFF" + content[4:8] + os.urandom(1_000), content[:30], os.urandom(5_000)]
    path.write_bytes(ways[k % len(ways)])


def start(audio: Path | str, out: Path, **options: object) -> subprocess.Popen[str]:
    """Start the command, in a process group of its own."""
    command = [*ANNOTATE, str(audio), "-o", str(out)]
    return subprocess.Popen(
        command,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )


def run(audio: Path, out: Path) -> tuple[int, str]:
    """Run the command to its end: exit code and stderr."""
    done = subprocess.run([*ANNOTATE, str(audio), "-o", str(out)], stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


def undisturbed(audio: Path, scratch: Path) -> tuple[dict[str, bytes], float]:
    """The tables of a run that nothing disturbs, and its seconds."""
    began = time.monotonic()
    code, said = run(audio, scratch / "undisturbed")
    assert code == 0, said
    return tables(scratch / "undisturbed"), time.monotonic() - began


def seconds_to_end(pgid: int) -> float:
    """How long the processes of a group take to end by themselves; infinite if they do not."""
    began = time.monotonic()
    while group(pgid):
        if time.monotonic() - began > 60:
            return math.inf
        time.sleep(0.05)
    return time.monotonic() - began


def draw(source: Path, picture: Path) -> None:
    """Memory over time as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    samples = rows_in(source)
    figure, axes = pyplot.subplots(figsize=(8, 3.5), layout="constrained")
    for column in ("parent", "worker"):
        axes.plot([float(s["seconds"]) for s in samples], [float(s[column]) for s in samples], label=column)
    axes.set(xlabel="seconds", ylabel="resident memory, MB", ylim=(0, None))
    axes.legend(["parent", "largest worker"])
    figure.savefig(picture, dpi=120)


def write_csv(path: Path, rows: list[Row]) -> None:
    """A table of rows that have the same columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows: list[Row]) -> str:
    """A table for a page: a single row is turned on its side."""
    if len(rows) == 1:
        return (
            "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows[0].items())])
            + "\n"
        )
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
