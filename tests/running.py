"""Running the real command in tests; its processes and its outputs."""

import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ser_batch.engine.job import Options
from ser_batch.engine.result import Annotation
from ser_batch.model.bundle import load_bundle
from ser_batch.runs import run_json
from ser_batch.runs.journal import Journal
from ser_batch.runs.plan import Plan
from ser_batch.runs.settings import resolve_settings

SER_BATCH = [sys.executable, "-m", "ser_batch"]
TABLES = ("files.csv", "segments.csv", "speech.csv", "failures.csv")
ROOT = Path(__file__).resolve().parent.parent
FAULTS = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests' / 'faults'}:{ROOT}"}  # see sitecustomize.py there


def ser_batch(*arguments, **options):
    command = [*SER_BATCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def annotate(*arguments, **options):
    return ser_batch("annotate", *arguments, **options)


def started(*arguments, **options):
    """`annotate` in a process group of its own, to be talked to while it runs."""
    command = [*SER_BATCH, "annotate", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)


def tables(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


def rows(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def journal_lines(folder):
    """How many results are in the journal of an output folder."""
    path = folder / ".journal" / "run.journal"
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


def wait_until(condition, seconds=30.0):
    """What `condition` returns, as soon as that is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return value


def children(pid):
    """Process ids of the children that a process has now."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers(pid):
    """Process ids of the workers of a running `annotate`."""
    return [child for child in children(pid) if "spawn_main" in command_of(child)]


def command_of(pid):
    """A process's command line; empty if it has ended."""
    try:
        return shlex.join(Path(f"/proc/{pid}/cmdline").read_text().split("\0"))
    except (FileNotFoundError, ProcessLookupError):
        return ""


def group(pgid):
    """Process ids of a process group, but for the dead who wait to be mourned."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, itself = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(itself) == pgid and state != "Z":
                found.append(int(entry.name))
    return found


def memory(pid):
    """Resident memory of a process in MB: now, and at most so far; zeros once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    values = dict(line.split(":", 1) for line in status.splitlines())
    now, most = (round(int(values.get(name, "0").split()[0]) / 1_000, 1) for name in ("VmRSS", "VmHWM"))
    return now, most


def watched(running, pause=0.1):
    """Memory in MB over time until a run ends: of the parent and of its largest worker, now and at most so far."""
    samples = []
    began = time.monotonic()
    while running.poll() is None:
        parent = memory(running.pid)
        worker = max((memory(pid) for pid in workers(running.pid)), default=(0.0, 0.0))
        samples.append(
            {
                "seconds": round(time.monotonic() - began, 2),
                "parent": parent[0],
                "worker": worker[0],
                "parent's peak": parent[1],
                "worker's peak": worker[1],
            }
        )
        time.sleep(pause)
    return samples


def peak(samples, column):
    """The largest value of a column of `watched`."""
    return max((sample[column] for sample in samples), default=0.0)


def pretend_done(audio, out):
    """Write the journal of a run that has annotated all files of a directory, two segments each."""
    bundle = load_bundle("crema-d")
    plan = Plan([str(audio)])
    (out / ".journal").mkdir(parents=True)
    fingerprint = run_json.fingerprint(resolve_settings(Options(), bundle), bundle, plan.root)
    journal = Journal(out / ".journal" / "run.journal", fingerprint)
    starts, speech = np.array([0, 24_000]), np.array([9_000, 8_000], np.int32)
    shares = np.random.default_rng(0).multinomial(10_000, [1 / 6] * 6, (1_000, 2)).astype(np.int32)
    for k, source in enumerate(plan.pending()):
        annotation = Annotation(16_000, starts, starts + 48_000, shares[k % 1_000], speech)
        journal.append(plan.name(source.path), source, annotation)
    journal.close()


def many_files(folder, n):
    """`n` files of one byte, most of them hard links, a thousand in each of many directories."""
    for k in range(0, n, 1_000):
        place = folder / f"speaker {k // 1_000:04}" / "a session with a name"
        place.mkdir(parents=True)
        first = place / f"utterance {k:07}.wav"
        first.write_bytes(b"-")
        for i in range(k + 1, min(k + 1_000, n)):
            (place / f"utterance {i:07}.wav").hardlink_to(first)


def end_of(running, seconds=60):
    """Exit code and stderr of a process that is to end by itself; whatever it leaves behind is killed."""
    try:
        said = running.communicate(timeout=seconds)[1]
        return running.returncode, said
    finally:
        for pid in group(running.pid):
            os.kill(pid, signal.SIGKILL)
