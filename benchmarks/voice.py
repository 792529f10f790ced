"""The voice detector on recordings: which files get a label, clean, under noise and over the telephone.

    python -m benchmarks voice FOLDER... [--noise FOLDER] [--telephone] [--table CSV --by COLUMN]
    python -m benchmarks voice --material MATERIAL

The rows are folders, sources of `models/make_voice.py` (their files that were kept aside), or values of COLUMN in a
table with a column `file` or `clip`. The columns are shares of the files with a label: without the detector, with it,
and with it under noise at 20, 10, 5, 0 and -5 dB.
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import table
from ser_batch.audio.decoding.decode import blocks
from ser_batch.audio.front_end import SAMPLE_RATE
from ser_batch.audio.noise import mix, read_noise
from ser_batch.audio.windows import windows
from ser_batch.engine.job import Options
from ser_batch.engine.worker import Worker
from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import load_bundle
from ser_batch.runs.settings import resolve_settings
from tests.running import ROOT

SNR_DB = (20, 10, 5, 0, -5)
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".opus"}

Array = NDArray[np.float32]


def main() -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--material", type=Path, help="the folder that the detector was made from")
    parser.add_argument("--noise", type=Path, help="folder of recordings that are added")
    parser.add_argument("--telephone", action="store_true", help="also 300 to 3,400 Hz in 8 bits of mu-law")
    parser.add_argument("--table", type=Path, help="CSV with a column `file` or `clip`")
    parser.add_argument("--by", help="column of the table whose values are told apart")
    parser.add_argument("--match", default="*", help="only files that match this pattern")
    parser.add_argument("--most", type=int, default=1_000_000, help="files of a folder, evenly taken")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each file")
    parser.add_argument("--min-speech", type=float, default=Options().min_speech)
    given = parser.parse_args()
    changes = _changes(given)
    options = Options(min_speech=given.min_speech), Options(voice=False)
    with_voice, without = (Worker(resolve_settings(each, load_bundle(each.model))) for each in options)
    groups = _groups(given)
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * (2 + len(changes)))
    for name, paths in _places(given):
        for path, samples in _recordings(paths, given.seconds):
            row = counts[groups.get(path.stem, "–") if groups else name]
            row[0] += 1
            row[1] += _labelled(without, samples)
            for k, change in enumerate(changes.values(), start=2):
                row[k] += _labelled(with_voice, change(samples))
    rows = [
        [name, str(n), *(f"{each / n:.4f}" for each in each_way)]
        for name, (n, *each_way) in sorted(counts.items())
    ]
    print(table(["recordings", "files", "--no-voice", *changes], rows))


def _changes(given: argparse.Namespace) -> dict[str, Callable[[Array], Array]]:
    """What is done to recordings before the detector hears them, by name."""
    changes: dict[str, Callable[[Array], Array]] = {"as they are": lambda samples: samples}
    if given.telephone:
        sys.path.append(str(ROOT / "models"))
        from voice_signals import telephone

        changes["telephone"] = telephone
    if given.noise:
        noise, rng = read_noise(given.noise).samples, np.random.default_rng(0)

        def noisy(snr_db: float) -> Callable[[Array], Array]:
            return lambda samples: mix(
                samples, np.resize(noise[rng.integers(len(noise))], len(samples)), snr_db
            )

        changes |= {f"{snr_db} dB": noisy(snr_db) for snr_db in SNR_DB}
    return changes


def _groups(given: argparse.Namespace) -> dict[str, str]:
    if not given.table:
        return {}
    with given.table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {Path(row.get("clip") or row["file"]).stem: row[given.by] for row in rows}


def _places(given: argparse.Namespace) -> Iterator[tuple[str, Sequence[Path]]]:
    """The files of each folder and of each source, evenly thinned."""
    places = {}
    for folder in given.folders:
        paths = folder.rglob(given.match)
        places[str(folder)] = sorted(path for path in paths if path.suffix.lower() in SUFFIXES)
    if given.material:
        sys.path.append(str(ROOT / "models"))
        from voice_material import files, sources

        places |= {source["name"]: files(given.material, source, "test") for source in sources()}
    for name, paths in places.items():
        yield name, paths[:: max(1, -(-len(paths) // given.most))]


def _recordings(paths: Sequence[Path], seconds: float) -> Iterator[tuple[Path, Array]]:
    """The beginnings of files, 16 kHz mono; those that cannot be read, or are shorter than 20 ms, are left out."""
    for path in paths:
        try:
            rate, audio = blocks(str(path))
            cut = next(windows(audio, rate, seconds, seconds), None)
        except (SerBatchError, OSError):
            continue
        if cut is not None and len(cut.samples) > SAMPLE_RATE // 50:
            yield path, cut.samples


def _labelled(worker: Worker, samples: Array) -> bool:
    """Whether a recording at 16 kHz gets a label."""
    return bool(worker.annotate_audio(SAMPLE_RATE, [samples]).probabilities.any())


if __name__ == "__main__":
    main()
