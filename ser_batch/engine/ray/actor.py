"""The Ray actor on a node: annotates files in one worker process, which a file can kill without killing the actor."""

import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from filelock import FileLock, Timeout

from ser_batch.engine.job import Settings
from ser_batch.engine.pool import Pool
from ser_batch.engine.result import Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, VOICE, load_bundle, load_voice
from ser_batch.stretches import with_file
from ser_batch.version import __version__

PREFIX = "ser-batch-actor-"
MODEL = "model"  # folder of the model, beside that of the voice detector
FRESH_SECONDS = 60.0  # age up to which a folder may not have been locked yet


def network_files(settings: Settings) -> dict[str, bytes]:
    """Return the files of the model and of the voice detector, to be sent to the nodes."""
    folders = {MODEL: load_bundle(settings.model).path}
    if settings.min_speech is not None:
        folders[VOICE] = load_voice(settings.voice).path
    return {
        f"{folder}/{name}": (path / name).read_bytes()
        for folder, path in folders.items()
        for name in (CARD_FILE, NETWORK_FILE)
    }


class AnnotationActor:
    """An actor with a pool of one process. The methods of the group `control` run beside the others."""

    def __init__(self, files: Mapping[str, bytes], settings: Settings, timeout: float, version: str):
        """Write and check the files of the networks, and start the process.

        Args:
            files: the result of `network_files`.
            settings: of the run; its folders are replaced by those of the files.
            timeout: as for `ser_batch.engine.pool.Pool`.
            version: of ser-batch on the driver.

        Raises:
            SerBatchError: this node has another version of ser-batch, or the model is damaged (SHA-256).
        """
        if version != __version__:
            raise SerBatchError(
                f"{platform.node()} has ser-batch {__version__}, not {version}: install the same on all "
                "nodes, or send it with --ray-runtime-env"
            )
        self._stopped = threading.Event()
        self._folder, self._lock = _locked_folder()
        for name, content in files.items():
            path = self._folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        model, detector = self._folder / MODEL, self._folder / VOICE
        load_bundle(model)
        self._pool = Pool(replace(settings, model=str(model), voice=str(detector)), 1, timeout)

    def ready(self) -> None:
        """Return as soon as the actor is placed."""

    def annotate(
        self, sources: Sequence[Source], contents: Mapping[int, Iterable[bytes]]
    ) -> list[tuple[int, Outcome]]:
        """Annotate files.

        Args:
            sources: the files; the same one may occur several times.
            contents: bytes, in parts, of files that the node does not read itself, by their index in `sources`.

        Returns:
            Index in `sources` and outcome, in the order of completion; of fewer files if the actor is stopped.

        Raises:
            SerBatchError: the process cannot start.
            OSError: the contents cannot be written to a temporary file.
        """
        with ExitStack() as copies:
            indices: dict[Source, list[int]] = {}
            for k, source in enumerate(sources):
                file = copies.enter_context(self._copy(source, k, contents[k])) if k in contents else source
                indices.setdefault(file, []).append(k)
            results = self._pool.annotate(indices, self._stopped.is_set)
            return [(k, outcome) for file, outcome in results for k in indices[file]]

    def annotate_shipped(
        self, sources: Sequence[Source], contents: Mapping[int, Sequence[Any]]
    ) -> list[tuple[int, Outcome]]:
        """Annotate files whose contents are in Ray's object store, fetched part by part."""
        return self.annotate(sources, {k: map(ray.get, parts) for k, parts in contents.items()})

    @ray.method(concurrency_group="control")
    def stop(self) -> None:
        """Finish the file in work, and annotate no more."""
        self._stopped.set()

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """End the process and delete the folder."""
        self._pool.close()
        self._lock.release()
        shutil.rmtree(self._folder)

    @contextmanager
    def _copy(self, source: Source, k: int, content: Iterable[bytes]) -> Iterator[Source]:
        """A temporary file of some content, in the actor's folder."""
        path = self._folder / f"copy-{k}"
        try:
            with path.open("wb") as file:
                file.writelines(content)
            yield replace(source, path=with_file(source.path, str(path)))
        finally:
            path.unlink(missing_ok=True)


def _locked_folder() -> tuple[Path, FileLock]:
    """A new folder, locked while this process lives; the folders of killed actors are deleted."""
    for other in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with suppress(OSError, Timeout):  # it is in use, or another user's
            if time.time() - other.stat().st_mtime > FRESH_SECONDS:
                with FileLock(other / "lock", timeout=0):
                    shutil.rmtree(other)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = FileLock(folder / "lock", timeout=0)
    lock.acquire()
    return folder, lock
