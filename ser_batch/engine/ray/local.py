"""A private Ray cluster of this machine: `python -m ser_batch.engine.ray.local CPUS` is its life.

It lives in a process of its own, since Ctrl-C and a scheduler's SIGTERM, which go to whole process groups, would end
Ray's processes before the files in work are finished; and since that process tidies up when the run is killed.
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
    """A cluster of one node with so many CPUs, which nobody else can join; gives its address.

    Raises:
        SerBatchError: it does not start.
    """
    # on a machine with other users, whoever reaches Ray can run code in our name
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    quick = {"RAY_prestart_worker_first_driver": "0"}  # for the first driver, which only starts Ray
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
        said = process.stdout.readline().strip()
        if not said.startswith("at "):
            raise SerBatchError(f"Ray cannot start on this machine: {said or 'it ended at once'}")
        try:
            yield said.removeprefix("at ")
        finally:
            process.stdin.close()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Have Ray see these variables, which it reads when it is imported."""
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
    """Start the cluster, say where it is, and end it when whoever asked for it is gone."""
    import ray

    # the names of Ray's sockets may have 107 characters, of which it takes some 65 itself
    place = tempfile.gettempdir() if len(tempfile.gettempdir()) < 30 else "/tmp"
    with tempfile.TemporaryDirectory(prefix="ray-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder  # so that what killed actors leave behind goes with it
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
