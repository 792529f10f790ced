"""A labelled corpus, to be looked at and listened to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ser_batch.api.paths import PathLike


def explore(
    corpus: PathLike,
    output: PathLike,
    *,
    labels: PathLike | Mapping[str, str] | None = None,
    seed: int | None = None,
    check: bool = True,
    jobs: int | None = None,
    progress: bool = False,
) -> Path:
    """Write a page with pictures, sounds and tables of a labelled corpus; what `ser-batch explore` does.

    Args:
        corpus: as for `features`; of a stored table, what it holds.
        output: folder for the page and what belongs to it.
        labels: as for `train`.
        seed: draws the examples; by default they are typical ones.
        check: decode every clip to measure and compare it; or else trust the headers.
        jobs: processes for that.
        progress: draw a bar on stderr.

    Returns:
        Where the page is.

    Raises:
        SerBatchError: no corpus, no recognisable label, or a folder that cannot be written.
    """
    from tqdm.auto import tqdm

    from ser_batch.audio import quality
    from ser_batch.corpora.feature_table import FeatureTable
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import read_mapping
    from ser_batch.corpora.read import read_corpus
    from ser_batch.engine.processes import default_jobs, map_files
    from ser_batch.exploration.material import Material, from_table, relabelled
    from ser_batch.exploration.page import write_page

    mapping = read_mapping(labels)
    if Path(corpus).suffix == ".npz":
        table, _ = join([FeatureTable.load(Path(corpus))], mapping, only_shared=False)
        return write_page(from_table(table), Path(output), seed)
    found = relabelled(read_corpus(corpus), mapping)
    paths = [clip.path for clip in found.clips]
    measure = quality.measure if check else quality.glance

    def bar(results: Any, total: int) -> Any:
        return tqdm(results, desc="clips", total=total, unit="clip", disable=None if progress else True)

    qualities = map_files(paths, measure, jobs or default_jobs(), bar)
    return write_page(Material(found, qualities), Path(output), seed)
