"""Batch annotation of emotion in speech: each command as a function. Importing this loads nothing heavy."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser_batch.engine.run import Summary
    from ser_batch.model.table import FeatureTable

__version__ = "0.1.0"

PathLike = str | os.PathLike[str]


def annotate(paths: PathLike | list[PathLike], output: PathLike, **options: Any) -> "Summary":
    """Label the emotion in each file and segment; what `ser-batch annotate` does.

    Args:
        paths: files and directories.
        output: folder for the tables; a folder of an earlier run is resumed.
        options: the fields of `ser_batch.engine.run.Options`.

    Returns:
        Counts of files, segments, labels and failures, and `exit_code`.

    Raises:
        SerBatchError: nothing could be done; single files that fail are in `failures.csv` instead.
    """
    from ser_batch.cli.progress import Silent
    from ser_batch.engine.run import Options, run

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
        progress: draw a bar on stderr.

    Raises:
        SerBatchError: no corpus, no recognisable label, or no clip that can be read.
    """
    from tqdm.auto import tqdm

    from ser_batch.corpus.read import read_corpus
    from ser_batch.engine.extract import extract_table
    from ser_batch.engine.processes import cores
    from ser_batch.model.table import FeatureTable

    if Path(corpus).suffix == ".npz":
        return FeatureTable.load(Path(corpus))

    def bar(results: Any, total: int) -> Any:
        return tqdm(results, total=total, unit="clip", disable=not progress)

    found = read_corpus(corpus)
    table, failed = extract_table(found, denoise, jobs or cores(), bar)
    for path, reason in [*found.skipped, *failed]:
        tqdm.write(f"left out: {path}: {reason}", file=sys.stderr)
    if output is not None:
        table.save(Path(output))
    return table
