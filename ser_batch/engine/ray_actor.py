"""What runs on a node of a Ray cluster: an actor that annotates files in a process of its own."""

import platform
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

import ser_batch
from ser_batch.corpus.find import Source
from ser_batch.engine.job import Settings
from ser_batch.engine.pool import Pool
from ser_batch.engine.result import Outcome
from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, Bundle, load_bundle

Contents = Mapping[str, Iterable[bytes]]  # of files, in parts, by their paths


def packed(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle, to be sent."""
    return {name: (bundle.path / name).read_bytes() for name in (CARD_FILE, NETWORK_FILE)}


class Annotator:
    """A pool of one process: what a file does to that, the actor survives, and tells as any run does.

    `control` are methods that do not wait for the others to be done.
    """

    def __init__(self, bundle: Mapping[str, bytes], settings: Settings, timeout: float, version: str):
        """Unpack and check the bundle, and start the process.

        Args:
            bundle: what `packed` returned.
            settings: of the run; its model is replaced by the bundle.
            timeout: as for `ser_batch.engine.pool.Pool`.
            version: of ser-batch, where the run was started.

        Raises:
            SerBatchError: this node has another version of ser-batch, or the bundle is damaged (SHA-256).
        """
        if version != ser_batch.__version__:
            raise SerBatchError(
                f"{platform.node()} has ser-batch {ser_batch.__version__}, not {version}: install the same on all "
                "nodes, or send it with --ray-runtime-env"
            )
        self._stopped = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="ser-batch-")
        place = Path(self._folder.name)
        for name, content in bundle.items():
            (place / name).write_bytes(content)
        load_bundle(place)
        # a spawned process imports its parent's main script: Ray's, and with it all of Ray
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._pool = Pool(replace(settings, model=str(place)), 1, timeout)

    def ready(self) -> None:
        """Answers as soon as the actor has a place."""

    def annotate(
        self, sources: Sequence[Source], contents: Contents | None = None
    ) -> list[tuple[Source, Outcome]]:
        """Annotate files; those with contents from these. Fewer come out if it is stopped meanwhile.

        Raises:
            SerBatchError: the process cannot start.
            OSError: the contents cannot be written to a temporary file.
        """
        with tempfile.TemporaryDirectory(dir=self._folder.name) as spool:
            known = {self._spooled(source, contents or {}, spool): source for source in sources}
            results = self._pool.annotate(known, self._stopped.is_set)
            return [(known[source], outcome) for source, outcome in results]

    def annotate_shipped(
        self, sources: Sequence[Source], contents: Mapping[str, Sequence[Any]]
    ) -> list[tuple[Source, Outcome]]:
        """The same with contents in Ray's object store: one part after the other, however long the file."""
        return self.annotate(sources, {path: map(ray.get, parts) for path, parts in contents.items()})

    def _spooled(self, source: Source, contents: Contents, spool: str) -> Source:
        if source.path not in contents:
            return source
        folder = tempfile.mkdtemp(dir=spool)
        path = Path(folder) / Path(source.path).name
        with path.open("wb") as file:
            file.writelines(contents[source.path])
        return replace(source, path=str(path))

    @ray.method(concurrency_group="control")
    def stop(self) -> None:
        """Have the file in work finished, and no more."""
        self._stopped.set()

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        """End the process, and delete what was written."""
        with suppress(AttributeError):  # it could not begin
            self._pool.close()
        self._folder.cleanup()
