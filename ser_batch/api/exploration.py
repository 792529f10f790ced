"""Exploration of a labelled corpus: a page with tables, pictures and sounds."""

import sys
from collections.abc import Mapping
from pathlib import Path

from ser_batch.api.paths import PathLike
from ser_batch.extras import require


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
    """Write a page with tables, pictures and sounds of a labelled corpus; the command `ser-batch explore`.

    Args:
        corpus: as for `features`; a stored table has no sounds.
        output: folder for the page and its files.
        labels: as for `train`.
        seed: draw the examples by this seed; by default they are typical clips.
        check: decode every clip to find broken ones; otherwise read only the headers.
        jobs: processes for that; by default the number of cores that this process may use.
        progress: draw a bar on stderr.

    Returns:
        The path of the page.

    Raises:
        SerBatchError: no corpus, no recognisable label, or a folder that cannot be written.
    """
    require("explore", "explore")
    from ser_batch.api.progress import clip_bar
    from ser_batch.audio import quality
    from ser_batch.corpora.feature_table import FeatureTable
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import apply_mapping, read_mapping
    from ser_batch.corpora.read import read_corpus
    from ser_batch.engine.limits import default_jobs
    from ser_batch.engine.processes import map_files
    from ser_batch.exploration.clip_table import ClipTable, from_features
    from ser_batch.exploration.page import write_page

    mapping = read_mapping(labels)
    if Path(corpus).suffix == ".npz":
        table, _ = join([FeatureTable.load(Path(corpus))], mapping, only_shared=False)
        return write_page(from_features(table), Path(output), seed)
    found = apply_mapping(read_corpus(corpus, mapping), mapping)
    if progress:
        print(*(f"{corpus}: {note}" for note in found.notes), sep="\n", file=sys.stderr)
    paths = [clip.path for clip in found.clips]
    measure = quality.measure if check else quality.from_header

    qualities = map_files(paths, measure, jobs or default_jobs(), clip_bar("clips", progress))
    return write_page(ClipTable(found, qualities), Path(output), seed)
