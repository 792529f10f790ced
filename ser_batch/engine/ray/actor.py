"""What runs on a node of a Ray cluster: an actor that annotates files in a process of its own."""

import fcntl
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from ser_batch.engine.job import Settings
from ser_batch.engine.pool import Pool
from ser_batch.engine.result import Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, Bundle, load_bundle
from ser_batch.version import __version__

PREFIX = "ser-batch-actor-"
FRESH_SECONDS = 60.0  # in which an actor may have made its folder, and not yet locked it


def bundle_files(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle, to be sent."""
    return {name: (bundle.path / name).read_bytes() for name in (CARD_FILE, NETWORK_FILE)}


class AnnotationActor:
    """A pool of one process: what a file does to that, the actor survives, and tells as any run does.

    `control` are methods that do not wait for the others to be done.
    """

    def __init__(self, bundle: Mapping[str, bytes], settings: Settings, timeout: float, version: str):
        """Unpack and check the bundle, and start the process.

        Args:
            bundle: what `bundle_files` returned.
            settings: of the run; its model is replaced by the bundle.
            timeout: as for `ser_batch.engine.pool.Pool`.
            version: of ser-batch, where the run was started.

        Raises:
            SerBatchError: this node has another version of ser-batch, or the bundle is damaged (SHA-256).
        """
        if version != __version__:
            raise SerBatchError(
                f"{platform.node()} has ser-batch {__version__}, not {version}: install the same on all "
                "nodes, or send it with --ray-runtime-env"
            )
        self._stopped = threading.Event()
        self._folder = _own_folder()
        for name, content in bundle.items():
            (self._folder / name).write_bytes(content)
        load_bundle(self._folder)
        self._pool = Pool(replace(settings, model=str(self._folder)), 1, timeout)

    def ready(self) -> None:
        """Answers as soon as the actor has a place."""

    def annotate(
        self, sources: Sequence[Source], contents: Mapping[int, Iterable[bytes]]
    ) -> list[tuple[int, Outcome]]:
        """Annotate files.

        Args:
            sources: the files; the same one may be there several times.
            contents: in parts, of those that are not to be read from their paths, by their place in `sources`.

        Returns:
            Place in `sources` and outcome, in the order of completion; of fewer, if it is stopped meanwhile.

        Raises:
            SerBatchError: the process cannot start.
            OSError: the contents cannot be written to a temporary file.
        """
        with ExitStack() as copies:
            places: dict[Source, list[int]] = {}
            for k, source in enumerate(sources):
                file = _copy(source, contents[k], copies) if k in contents else source
                places.setdefault(file, []).append(k)
            results = self._pool.annotate(places, self._stopped.is_set)
            return [(k, outcome) for file, outcome in results for k in places[file]]

    def annotate_shipped(
        self, sources: Sequence[Source], contents: Mapping[int, Sequence[Any]]
    ) -> list[tuple[int, Outcome]]:
        """The same with contents in Ray's object store: one part after the other, however long the file."""
        return self.annotate(sources, {k: map(ray.get, parts) for k, parts in contents.items()})

    @ray.method(concurrency_group="control")
    def stop(self) -> None:
        """Have the file in work finished, and no more."""
        self._stopped.set()

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """End the process, and delete the bundle."""
        self._pool.close()
        shutil.rmtree(self._folder)


def _copy(source: Source, content: Iterable[bytes], copies: ExitStack) -> Source:
    """A file of what was sent, without a name: when this process ends, however it does, it is gone."""
    file = copies.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
    file.writelines(content)
    return replace(source, path=f"/proc/{os.getpid()}/fd/{file.fileno()}")


def _own_folder() -> Path:
    """A new folder, locked as long as this process lives; those that killed actors left behind are deleted."""
    for other in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with suppress(OSError):  # it is in use, or somebody else's
            handle = _locked(other)
            if time.time() - os.fstat(handle).st_mtime > FRESH_SECONDS:
                shutil.rmtree(other)
            os.close(handle)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    _locked(folder)
    return folder


def _locked(folder: Path) -> int:
    """A handle of a folder that nobody else has locked, which this process locks; else OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
