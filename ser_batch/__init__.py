"""Batch annotation of emotion in speech: each command as a function. Importing this loads nothing heavy."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser_batch.engine.job import Summary
    from ser_batch.model.bundle import Bundle
    from ser_batch.model.evaluate import Evaluation
    from ser_batch.model.table import FeatureTable

__version__ = "0.1.0"

PathLike = str | os.PathLike[str]


def annotate(paths: PathLike | list[PathLike], output: PathLike, **options: Any) -> "Summary":
    """Label the emotion in each file and segment; what `ser-batch annotate` does.

    Args:
        paths: files and directories.
        output: folder for the tables; a folder of an earlier run is resumed.
        options: the fields of `ser_batch.engine.job.Options`.

    Returns:
        Counts of files, segments, labels and failures, and `exit_code`.

    Raises:
        SerBatchError: nothing could be done; single files that fail are in `failures.csv` instead.
    """
    from ser_batch.engine.job import Options
    from ser_batch.engine.progress import Silent
    from ser_batch.engine.run import run

    inputs = [paths] if isinstance(paths, str | os.PathLike) else paths
    return run([os.fspath(path) for path in inputs], Path(output), Options(**options), Silent())


def features(
    corpus: PathLike,
    output: PathLike | None = None,
    *,
    denoise: str = "off",
    jobs: int | None = None,
    progress: bool = False,
) -> "FeatureTable":
    """The feature table of a labelled corpus; what `ser-batch features` does.

    Args:
        corpus: folder, CSV file, or a stored table, which is returned as it is.
        output: `.npz` file to store it in.
        denoise: noise reduction that the audio goes through first: `off`, `gate` or `noisereduce`.
        jobs: processes; by default as many as the cores this process may use.
        progress: draw a bar on stderr, and name there the clips that are left out.

    Raises:
        SerBatchError: no corpus, no recognisable label, or no clip that can be read.
    """
    table, _ = _table_and_paths(corpus, denoise, jobs, progress)
    if output is not None:
        table.save(Path(output))
    return table


def train(
    corpus: PathLike,
    output: PathLike,
    *,
    denoise: str = "off",
    jobs: int | None = None,
    teacher: PathLike | None = None,
    resume: bool = False,
    progress: bool = False,
    command: str = "",
    **options: Any,
) -> "Bundle":
    """Train a model and write its bundle; what `ser-batch train` does.

    Args:
        corpus: as for `features`.
        output: folder for the bundle; its name becomes the model's.
        denoise: noise reduction before the features; a stored table keeps its own.
        jobs: processes for the features.
        teacher: file of what a larger network makes of each clip, to be imitated besides.
        resume: go on with an interrupted training in `output`.
        progress: draw bars on stderr.
        command: how the training was asked for, for the card.
        options: the fields of `ser_batch.model.options.TrainOptions`.

    Raises:
        SerBatchError: no corpus, too few labels or speakers, or a folder that cannot be written.
    """
    from ser_batch.audio.front_end import WINDOW_SECONDS
    from ser_batch.audio.windows import load
    from ser_batch.model.options import TrainOptions
    from ser_batch.model.teacher import Teacher
    from ser_batch.model.train import fit

    checked = TrainOptions(**options)
    table, paths = _table_and_paths(corpus, denoise, jobs, progress)

    def audio(row: int) -> Any:
        return load(paths[table.names[row]], WINDOW_SECONDS)

    return fit(
        table,
        output,
        checked,
        audio=audio if paths else None,
        teacher=Teacher.load(Path(teacher), table) if teacher else None,
        resume=resume,
        quiet=not progress,
        command=command,
    )


def evaluate(
    corpus: PathLike,
    model: PathLike = "crema-d",
    output: PathLike | None = None,
    *,
    where: Mapping[str, str] | None = None,
    denoise: str | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> "Evaluation":
    """Measure a model on a labelled corpus; what `ser-batch evaluate` does.

    Args:
        corpus: as for `features`.
        model: a bundled model's name, or a folder that `train` wrote.
        output: folder for the figures, the confusion matrix and the predicted/actual table.
        where: only clips with these attributes, such as `{"fold": "2"}`.
        denoise: noise reduction before the features; by default as the model's card says.
        jobs: processes for the features.
        progress: draw bars on stderr.

    Raises:
        SerBatchError: no corpus, no such model, or no label that both know.
    """
    from ser_batch.model.bundle import load_bundle
    from ser_batch.model.evaluate import evaluate_bundle

    bundle = load_bundle(os.fspath(model))
    table, _ = _table_and_paths(corpus, denoise or bundle.denoise, jobs, progress)
    for column, value in (where or {}).items():
        table = table.where(column, value)
    evaluation = evaluate_bundle(bundle, table, quiet=not progress)
    if output is not None:
        evaluation.save(output)
    return evaluation


def _table_and_paths(
    corpus: PathLike, denoise: str, jobs: int | None, progress: bool
) -> tuple["FeatureTable", dict[str, str]]:
    """The feature table of a corpus, and where the audio of each of its clips is, if it is at hand."""
    from tqdm import tqdm

    from ser_batch.corpus.read import read_corpus
    from ser_batch.engine.extract import extract_table
    from ser_batch.engine.processes import cores
    from ser_batch.model.table import FeatureTable

    if Path(corpus).suffix == ".npz":
        return FeatureTable.load(Path(corpus)), {}

    def bar(results: Any, total: int) -> Any:
        return tqdm(results, desc="features", total=total, unit="clip", disable=None if progress else True)

    found = read_corpus(corpus)
    table, failed = extract_table(found, denoise, jobs or cores(), bar)
    if progress:
        for path, reason in [*found.skipped, *failed]:
            tqdm.write(f"left out: {path}: {reason}", file=sys.stderr)
        if not found.speakers_known:
            tqdm.write(
                f"{corpus}: no speakers can be told apart, so that every clip counts as a speaker: "
                "figures on held-out clips say little about new voices",
                file=sys.stderr,
            )
    return table, {clip.name: clip.path for clip in found.clips}
