"""Views of clips in other rooms: computed once in parallel processes, stored as uint8 log-mel, drawn in training."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from ser_batch.audio import features, front_end
from ser_batch.audio.augment_room import other_room
from ser_batch.audio.noise import read_noise
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.engine.processes import map_files
from ser_batch.errors import SerBatchError, UsageError

SUFFIX = ".views"  # of the folder beside a feature table
LEVELS_FILE, ABOUT_FILE = "levels.npy", "about.npz"
EXTRA_SECONDS = 0.5  # of audio behind the window: a higher speed needs more of it

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Views:
    """Views of the clips of a table.

    Attributes:
        levels: uint8 `[stored clips, views, 188, 128]`, on disk, coded by `ser_batch.audio.features.to_levels`.
        frames: int64 `[stored clips, views]`, number of frames before the zero padding.
        rows: `[clips of the table]`, index of each among the stored clips.
    """

    levels: NDArray[np.uint8]
    frames: Ints
    rows: Ints

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Ints]:
        """A random view of each of some clips of the table: levels `[n, 188, 128]` and frames `[n]`."""
        view = rng.integers(self.levels.shape[1], size=len(rows))
        stored = self.rows[rows]
        return self.levels[stored, view], self.frames[stored, view]

    @classmethod
    def open(cls, folder: Path, table: FeatureTable) -> "Views":
        """Open the views that `compute_views` stored, for the clips of a table.

        Raises:
            SerBatchError: no views in the folder, or not for every clip.
        """
        try:
            with np.load(folder / ABOUT_FILE) as about:
                place = {name: row for row, name in enumerate(about["names"].tolist())}
                frames, denoise = about["frames"], str(about["denoise"])
            rows = np.array([place[name] for name in table.names])
            levels = np.load(folder / LEVELS_FILE, mmap_mode="r")
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise SerBatchError(
                f"{folder}: no views for these clips ({error}): make them by `ser-batch features --views N`"
            ) from error
        if denoise != table.denoise:
            raise UsageError(
                f"{folder}: views with denoise {denoise}, clips with {table.denoise}: make both alike"
            )
        return cls(levels, frames, rows)


def compute_views(
    table: FeatureTable,
    folder: Path,
    n_views: int,
    seed: int,
    noise: str,
    jobs: int,
    quiet: bool = True,
) -> None:
    """Compute views of the clips of a table from their audio, and store them in a folder.

    Args:
        table: with paths.
        folder: made if missing.
        n_views: of each clip.
        seed: with the clip's name and the number of the view it gives the chain of changes.
        noise: folder of recorded noise, or "" for none.
        jobs: number of processes.
        quiet: draw no progress bar.

    Raises:
        SerBatchError: a clip cannot be read, or the folder cannot be written.
    """
    if noise:
        read_noise(noise)  # for its errors
    shape = (len(table), n_views, front_end.N_FRAMES, front_end.N_MELS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        open_memmap(folder / LEVELS_FILE, "w+", np.uint8, shape).flush()
    except OSError as error:
        raise SerBatchError(
            f"{folder}: cannot be written ({error.strerror}): choose another folder"
        ) from error
    work = partial(
        _write_views,
        rows={path: row for row, path in enumerate(table.paths)},
        file=folder / LEVELS_FILE,
        seed=seed,
        noise=noise,
        denoise=table.denoise,
    )

    def bar(results: Iterator[list[int]], total: int) -> Iterator[list[int]]:
        return tqdm(results, "views", total, unit="clip", disable=True if quiet else None)

    frames = map_files(table.paths, work, jobs, bar)
    names, denoise = np.array(table.names), np.array(table.denoise)
    np.savez(folder / ABOUT_FILE, names=names, frames=np.array(frames, np.int64), denoise=denoise)


def _write_views(
    path: str, rows: dict[str, int], file: Path, seed: int, noise: str, denoise: str
) -> list[int]:
    """Write the views of one clip to its row; the number of true frames of each."""
    samples = load(path, front_end.WINDOW_SECONDS + EXTRA_SECONDS)
    stored = np.load(file, mmap_mode="r+")
    frames = []
    for view in range(stored.shape[1]):
        rng = np.random.default_rng([seed, view, zlib.crc32(Path(path).name.encode())])
        changed = other_room(samples, rng, _recorded(noise))[: front_end.WINDOW_SAMPLES]
        stored[rows[path], view] = features.to_levels(features.log_mel(changed, denoise))
        frames.append(features.true_frames(len(changed)))
    return frames


@cache
def _recorded(noise: str) -> Sequence[NDArray[np.float32]]:
    return list(read_noise(noise).samples) if noise else []
