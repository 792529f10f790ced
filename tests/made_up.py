"""Made-up tables of `annotate`, for tests that need many or unusual files."""

import csv
import json
import random

SIX = ("angry", "disgust", "fear", "happy", "neutral", "sad")


def write_tables(folder, files, labels=SIX, failures=(), root=None):
    """Write the tables and run.json. `files` has names and segments: `(start, end, probabilities or None)`."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["label", "confidence", *(f"p_{label}" for label in labels), "speech_ratio", "status"]
    with _table(folder / "files.csv") as of_files, _table(folder / "segments.csv") as of_segments:
        whole, parts = (csv.writer(table, lineterminator="\n") for table in (of_files, of_segments))
        whole.writerow(["file", "duration", "n_segments", *columns])
        parts.writerow(["file", "start", "end", *columns])
        for name, segments in files:
            heard = next((shares for _, _, shares in segments if shares), None)
            duration = f"{segments[-1][1]:.6f}"
            whole.writerow([name, duration, len(segments), *_emotion(heard, labels)])
            for start, end, shares in segments:
                parts.writerow([name, f"{start:.6f}", f"{end:.6f}", *_emotion(shares, labels)])
    with _table(folder / "failures.csv") as of_failures:
        csv.writer(of_failures).writerows([("file", "stage", "error", "message"), *failures])
    run = {"root": root, "model": {"name": "made-up", "sha256": "0" * 64, "labels": labels}}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def many(n, labels=SIX, segments=7):
    """`n` files of about so many segments; some are silent. The same ones each time."""
    rng = random.Random(0)
    for k in range(n):
        windows = [(1.5 * i, 1.5 * i + 3) for i in range(rng.randint(1, 2 * segments - 1))]
        silent = k % 97 == 5
        yield (
            f"speaker {k // 100:03}/utterance {k:06}.wav",
            [(start, end, None if silent else _shares(rng, labels)) for start, end in windows],
        )


def _shares(rng, labels):
    parts = [rng.random() ** 3 for _ in labels]
    return [round(part / sum(parts), 4) for part in parts]


def _emotion(shares, labels):
    if shares is None:
        return ["", "", *("" for _ in labels), "0.0000", "silent"]
    most = max(shares)
    return [labels[shares.index(most)], most, *shares, "0.5000", "ok"]


def _table(path):
    return path.open("w", newline="", encoding="utf-8")
