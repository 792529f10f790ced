"""Annotation as a step of a Ray Data pipeline."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_batch.engine.job import Options
from ser_batch.engine.ray.actor import AnnotationActor, network_files
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import load_bundle
from ser_batch.output.schema import Schema
from ser_batch.runs.rows import rows
from ser_batch.runs.settings import resolve_settings
from ser_batch.version import __version__

if TYPE_CHECKING:
    import pyarrow
    from ray.data import Dataset

CONTENT, PATH, ERROR = "bytes", "path", "error"
FAILED = "failed"
TEXT, COUNTS = ("label", "status", ERROR), ("n_segments",)  # the other columns are floats


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
    """Label the emotion in the audio of each row, lazily, in an actor pool with the workers of `ser-batch annotate`.

    Args:
        ds: rows with `bytes`, a file's content, or `path`, a file that the nodes can read; a row with both uses the
            bytes.
        model: a bundled model's name, or a folder that `train` wrote.
        segments: give a row for each window, without `bytes`, instead of one for each file.
        actors: number of actors with one CPU each, or (min, max); by default up to all CPUs of the cluster.
        batch_size: rows in a batch.
        timeout: seconds that a file may take until its next window of audio.
        options: `window`, `hop` and `denoise`, as in `ser_batch.engine.job.Options`.

    Returns:
        The rows with the columns of `files.csv` or `segments.csv` (without `file`) and `error`. A row that cannot be
        annotated has the status `failed` and the reason in `error`; it does not stop the pipeline.

    Raises:
        SerBatchError: an unknown model, invalid options, or a dataset that has these columns already.
    """
    import ray

    bundle = load_bundle(model)
    settings = resolve_settings(Options(**options), bundle)
    schema = Schema(bundle.labels)
    taken = sorted({*_columns(schema, segments)} & {*(ds.columns() or ())})
    if taken:
        raise SerBatchError(f"the dataset has columns {', '.join(taken)} already: rename them before")
    return ds.map_batches(
        _Annotate,
        fn_constructor_args=((network_files(settings), settings, timeout, __version__), schema, segments),
        concurrency=actors or (1, max(1, int(ray.cluster_resources().get("CPU", 1)))),
        num_cpus=1,
        batch_size=batch_size,
        batch_format="pyarrow",
    )


class _Annotate:
    """The actor class of the step."""

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
        """The new columns of a row; several rows for segments."""
        if isinstance(outcome, Failure):
            return [{"status": FAILED, ERROR: f"{outcome.stage}: {outcome.message}"}]
        file, segments = rows("", outcome, self._schema.labels)
        return [self._schema.record(row) for row in (segments if self._segments else [file])]


def _columns(schema: Schema, segments: bool) -> list[str]:
    """The columns to add: those of the table without `file`, and `error`."""
    return [*(schema.segment_columns if segments else schema.file_columns)[1:], ERROR]


def _column(batch: "pyarrow.Table", name: str) -> list[Any]:
    """The values of a column; None for each row if it is missing."""
    return batch.column(name).to_pylist() if name in batch.column_names else [None] * len(batch)


def _source(path: str | None, content: bytes | None) -> Source:
    """The file of a row, with its size, which its time limit depends on."""
    size = len(content or b"")
    with suppress(OSError):
        size = size or Path(path or "").stat().st_size
    return Source(path or "", size, 0)
