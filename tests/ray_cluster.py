"""Ray clusters of several raylets on this machine, and the state of their actors."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import FAULTS, command_of

STORE_BYTES = 80_000_000  # about the least that Ray takes
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_prestart_worker_first_driver": "0"}


@contextmanager
def cluster_of(nodes, environment=FAULTS, **head):
    """A cluster of nodes with a CPU each, in which files do to their workers what tests/faults says."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        add_node(cluster, environment, **head)
        for _ in range(nodes - 1):
            add_node(cluster, environment)
        yield cluster
    finally:
        cluster.shutdown()


def add_node(cluster, environment=FAULTS, **options):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, **QUIET}.items():
            patch.setenv(name, value)
        return cluster.add_node(**{"num_cpus": 1, "object_store_memory": STORE_BYTES, **options})


def actors(at_work=""):
    """Process ids of the actors of the Ray engine on this machine, each with that of its raylet.

    With `.annotate`, those that are annotating.
    """
    return {
        int(entry.name): int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and command_of(entry.name).startswith(f"ray::AnnotationActor{at_work}")
    }
