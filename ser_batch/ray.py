"""Annotation as a step of a Ray Data pipeline."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_batch.engine.job import Options
from ser_batch.engine.ray.actor import AnnotationActor, bundle_files
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import load_bundle
from ser_batch.output.schema import Schema
from ser_batch.runs.rows import rows
from ser_batch.runs.run import resolve_settings
from ser_batch.version import __version__

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset

CONTENT, PATH, ERROR = "bytes", "path", "error"
FAILED = "failed"
TEXT, COUNTS = ("label", "status", ERROR), ("n_segments",)  # the others are numbers with a point


def annotate_dataset(
    ds: "Dataset",
    model: str | os.PathLike[str] = "crema-d",
    *,
    segments: bool = False,
    actors: int | tuple[int, int] | None = None,
    batch_size: int = 16,
    timeout: float = 60.0,
    **options: Any,
) -> "Dataset":
    """Label the emotion in each row's audio, lazily, in a pool of actors with the workers of `ser-batch annotate`.

    Args:
        ds: rows with `bytes`, a file's content, or `path`, a file that the nodes can read; where a row has both, the
            path is only the name.
        model: a bundled model's name, or a folder that `train` wrote.
        segments: a row for each window instead, without `bytes`.
        actors: how many, each on one CPU, or the least and the most; by default up to all CPUs of the cluster.
        batch_size: rows that an actor is given at once.
        timeout: seconds that any file may go without giving a window of audio.
        options: `window`, `hop` and `denoise`, as in `ser_batch.engine.job.Options`.

    Returns:
        The rows with the columns of `files.csv` or `segments.csv` after `file`, and `error`. A row that cannot be
        annotated has the status `failed`, and an error that says why; it stops nothing.

    Raises:
        SerBatchError: an unknown model, options that make no sense, or columns that are there already.
    """
    import ray

    bundle = load_bundle(model)
    settings = resolve_settings(Options(**options), bundle)
    schema = Schema(bundle.labels)
    there = sorted({*_columns(schema, segments)} & {*(ds.columns() or ())})
    if there:
        raise SerBatchError(f"the dataset has columns {', '.join(there)} already: rename them before")
    return ds.map_batches(
        _Annotate,
        fn_constructor_args=((bundle_files(bundle), settings, timeout, __version__), schema, segments),
        concurrency=actors or (1, max(1, int(ray.cluster_resources().get("CPU", 1)))),
        num_cpus=1,
        batch_size=batch_size,
        batch_format="pyarrow",
    )


class _Annotate:
    """The step in one actor."""

    def __init__(self, worker: tuple[Any, ...], schema: Schema, segments: bool):
        self._worker = AnnotationActor(*worker)
        self._schema, self._segments = schema, segments

    def __call__(self, batch: "pyarrow.Table") -> "pyarrow.Table":
        import pyarrow

        paths, contents = _column(batch, PATH), _column(batch, CONTENT)
        sources = [_source(path, content) for path, content in zip(paths, contents, strict=True)]
        sent = {k: [content] for k, content in enumerate(contents) if content is not None}
        outcomes = dict(self._worker.annotate(sources, sent))
        records = [self._records(outcomes[k]) for k in range(len(batch))]
        table = batch.take([k for k, several in enumerate(records) for _ in several])
        if self._segments and CONTENT in table.column_names:
            table = table.drop_columns(CONTENT)
        for column in _columns(self._schema, self._segments):
            kind = (
                pyarrow.string()
                if column in TEXT
                else pyarrow.int64()
                if column in COUNTS
                else pyarrow.float64()
            )
            values = [record.get(column) for several in records for record in several]
            table = table.append_column(column, pyarrow.array(values, kind))
        return table

    def _records(self, outcome: Outcome) -> list[dict[str, Any]]:
        """What a row becomes, by column."""
        if isinstance(outcome, Failure):
            return [{"status": FAILED, ERROR: f"{outcome.stage}: {outcome.message}"}]
        file, segments = rows("", outcome, self._schema.labels)
        return [self._schema.record(row) for row in (segments if self._segments else [file])]


def _columns(schema: Schema, segments: bool) -> list[str]:
    """What is added to the rows: the columns of a table but for the first, `file`."""
    return [*(schema.segment_columns if segments else schema.file_columns)[1:], ERROR]


def _column(batch: "pyarrow.Table", name: str) -> list[Any]:
    """The values of a column; None for each row, if there is no such column."""
    return batch.column(name).to_pylist() if name in batch.column_names else [None] * len(batch)


def _source(path: str | None, content: bytes | None) -> Source:
    """A row's file; larger ones may take longer."""
    size = len(content or b"")
    with suppress(OSError):
        size = size or Path(path or "").stat().st_size
    return Source(path or "", size, 0)
