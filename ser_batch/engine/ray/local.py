"""A private Ray cluster on this machine, in a process of its own: `python -m ser_batch.engine.ray.local CPUS`.

Ctrl-C and a scheduler's SIGTERM go to the whole process group, and would end Ray before the files in work are
finished. The process also cleans up when the run is killed.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ser_batch.errors import SerBatchError


@contextmanager
def private_cluster(cpus: float) -> Iterator[str]:
    """Start a cluster of one node with `cpus` CPUs, closed to other users; gives its address.

    Raises:
        SerBatchError: it cannot start.
    """
    # without a token, other users of the machine could run code as this user
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    quick = {"RAY_prestart_worker_first_driver": "0"}  # the first driver only starts Ray
    with (
        subprocess.Popen(
            [sys.executable, "-m", "ser_batch.engine.ray.local", str(cpus)],
            env={**os.environ, **token, **quick},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        ) as process,
        _environment(token),
    ):
        assert process.stdin and process.stdout
        answer = process.stdout.readline().strip()
        if not answer.startswith("at "):
            raise SerBatchError(f"Ray cannot start on this machine: {answer or 'it ended at once'}")
        try:
            yield answer.removeprefix("at ")
        finally:
            process.stdin.close()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables, also in Ray, which reads them when it is imported."""
    from ray._raylet import Config  # type: ignore[attr-defined]

    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    Config.initialize("")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        Config.initialize("")


def _serve(cpus: float) -> None:
    """Start the cluster, print its address, and end it when stdin is closed."""
    import ray

    # paths of sockets have at most 107 characters, of which Ray takes some 65
    parent = tempfile.gettempdir() if len(tempfile.gettempdir()) < 30 else "/tmp"
    with tempfile.TemporaryDirectory(prefix="ray-", dir=parent, ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder  # the files of killed actors are deleted with it
        try:
            ray.init("local", num_cpus=cpus, include_dashboard=False, _temp_dir=folder)
        except Exception as error:
            print(" ".join(str(error).split()), flush=True)
            return
        print("at", ray.get_runtime_context().gcs_address, flush=True)
        sys.stdin.read()
        ray.shutdown()


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
