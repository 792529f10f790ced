"""Selection of the engine that annotates files: processes of this machine, or a Ray cluster."""

from collections.abc import Callable, Generator, Iterable
from functools import partial

from ser_batch.engine import pool
from ser_batch.engine.job import Options, Settings
from ser_batch.engine.result import Outcome
from ser_batch.inputs.sources import Source

Engine = Callable[
    [Iterable[Source], Settings, int, float, Callable[[], bool], Callable[[Source, float], None]],
    Generator[tuple[Source, Outcome], None, None],
]


def select_engine(options: Options) -> Engine:
    """Return the engine for the options; its arguments are those of `ser_batch.engine.pool.annotate`."""
    if options.ray is None:
        return pool.annotate
    from ser_batch.engine.ray import engine

    return partial(engine.annotate, options)
