"""Running the pool in tests without the command."""

from ser_batch.engine import pool


def annotate(sources, settings, jobs=2, timeout=60.0, stopped=lambda: False):
    """Every source with its outcome, in the order of completion."""
    return list(pool.annotate(sources, settings, jobs, timeout, stopped))


def outcomes(results):
    return {source.path: outcome for source, outcome in results}
