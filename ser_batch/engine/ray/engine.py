"""The Ray engine: a pool of actors on a cluster, each with one worker of the local engine."""

import json
import os
import signal
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ObjectStoreFullError, OutOfDiskError, RayActorError, RayError

from ser_batch.engine.job import Options, Settings
from ser_batch.engine.pool import STARTS, chunks
from ser_batch.engine.ray.actor import AnnotationActor, network_files
from ser_batch.engine.ray.local import private_cluster
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.paths import absolute
from ser_batch.inputs.sources import Source
from ser_batch.stretches import split
from ser_batch.version import __version__

LOCAL = "local"  # in place of an address: a private cluster
QUEUED = 2  # chunks sent to each actor, so that it never waits for the next one
LOSSES = 3  # actors that may be lost while they annotate the same file
REFRESH_SECONDS = 3.0  # between two requests of the cluster's size
PATIENCE_SECONDS = 900.0  # without any actor: nodes that boot and install packages take minutes
CONNECT_SECONDS = 20.0
CLOSE_SECONDS = 5.0
PART_BYTES = 16_000_000  # of a file in the object store
UNREADABLE = (
    "FileNotFoundError",
    "PermissionError",
)  # errors of a node; the driver may be able to read the file


def annotate(
    options: Options,
    sources: Iterable[Source],
    settings: Settings,
    jobs: int,
    timeout: float,
    stopped: Callable[[], bool],
    on_progress: Callable[[Source, float], None] = lambda source, seconds: None,
) -> Generator[tuple[Source, Outcome], None, None]:
    """Annotate files in the actors of a cluster; each comes out exactly once, in the order of completion.

    A file that kills its worker fails alone, as in `ser_batch.engine.pool`. When an actor is lost, other actors get
    its files; a file is a failure when `LOSSES` actors were lost over it.

    Args:
        options: address of the cluster and resources of the actors.
        sources: the files; consumed as actors need them.
        settings: model and options of the workers.
        jobs: CPUs of a private cluster.
        timeout: as for `ser_batch.engine.pool.Pool`.
        stopped: called several times a second; when it returns True, each worker finishes its current file.
        on_progress: never called: actors do not report their progress inside a file.

    Raises:
        SerBatchError: the cluster cannot be joined, is lost, has no room, or its actors cannot start.
        UsageError: invalid options.
    """
    with _cluster(options, jobs), closing(_ActorPool(options, settings, timeout)) as pool:
        try:
            yield from pool.annotate(chunks(sources), stopped)
        except (RayError, ConnectionError) as error:
            raise SerBatchError(
                f"the Ray cluster is lost ({_reason(error)}): run the same command again, what is done is kept"
            ) from error


@contextmanager
def _cluster(options: Options, jobs: int) -> Iterator[None]:
    """Connect to a cluster; an existing connection of this process is used and kept."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of chunks queued at a lost actor
    environment = _runtime_env(options.ray_runtime_env)
    with ExitStack() as stack:
        address = options.ray or LOCAL
        if address == LOCAL:
            cpus = (options.ray_actors or jobs) * options.ray_cpus_per_actor
            address = stack.enter_context(private_cluster(cpus))
        before = signal.getsignal(signal.SIGTERM)
        try:
            _check_address(address)
            ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="ERROR")
        except Exception as error:
            raise SerBatchError(f"cannot join the Ray cluster at {address}: {_reason(error)}") from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)  # Ray replaces it
        stack.callback(ray.shutdown)
        yield


def _check_address(address: str) -> None:
    """Raise OSError if nothing listens at an address: Ray would try for ever."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        with socket.create_connection((host, int(port)), CONNECT_SECONDS):
            pass


def _runtime_env(text: str | None) -> dict[str, Any] | None:
    """Parse the runtime environment: JSON, or the path of a JSON file."""
    if text is None:
        return None
    try:
        found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--ray-runtime-env {text}: neither JSON nor a file of JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f'--ray-runtime-env {text}: give an object, such as {{"pip": ["ser-batch"]}}')
    return found


class _Actor:
    """An actor, as the driver sees it.

    Attributes:
        work: reference to the result and chunk of each call that has not returned, in order.
        responded: it has returned from a call.
        started: it may be sent work.
    """

    def __init__(self, handle: Any):
        self.handle = handle
        self.responded = False
        self.work: deque[tuple[Any, list[Source]]] = deque()
        self.check()

    def check(self) -> None:
        """Call it, to learn whether it runs."""
        self.started = False
        self._ready = self.handle.ready.remote()

    @property
    def awaited(self) -> Any:
        """Reference to the next result; None if it is idle."""
        if not self.started:
            return self._ready
        return self.work[0][0] if self.work else None


class _ActorPool:
    """The actors of a run, and the chunks that wait for them."""

    def __init__(self, options: Options, settings: Settings, timeout: float):
        self._options = options
        self._actors: list[_Actor] = []
        self._chunks: deque[list[Source]] = deque()
        self._losses: Counter[str] = Counter()
        self._shipped: set[str] = set()  # paths of files whose bytes are sent to the nodes
        self._failures = 0  # of actors, in a row
        self._has_results = self._halted = False
        self._wanted = 0
        self._refresh_due = 0.0
        self._patience_ends = time.monotonic() + PATIENCE_SECONDS
        self._class = ray.remote(
            num_cpus=options.ray_cpus_per_actor,
            concurrency_groups={"control": 1},
            scheduling_strategy="SPREAD",
            max_restarts=0,
        )(AnnotationActor)
        files = ray.put(network_files(settings))  # once for all actors
        self._arguments = (files, settings, timeout, __version__)

    def annotate(
        self, new: Iterator[list[Source]], stopped: Callable[[], bool]
    ) -> Generator[tuple[Source, Outcome], None, None]:
        while True:
            if stopped() and not self._halted:
                self._halted = True
                for actor in self._actors:
                    actor.handle.stop.remote()
            if not self._halted:
                self._refresh_wanted()
                self._chunks.extend(islice(new, max(0, self._wanted - len(self._chunks))))
                self._start_actors()
                self._send_chunks()
            if not any(actor.work for actor in self._actors) and (self._halted or not self._chunks):
                return
            awaited = {actor.awaited: actor for actor in self._actors if actor.awaited}
            for ref in _ready(list(awaited)):
                actor = awaited[ref]
                try:
                    answer = ray.get(ref)
                except RayError as error:
                    yield from self._lost(actor, error)
                    continue
                if actor.started:
                    chunk = actor.work.popleft()[1]
                    self._failures, self._has_results = 0, True
                    yield from self._accepted(chunk, answer)
                actor.started = actor.responded = True

    def _refresh_wanted(self) -> None:
        """Update the number of actors that the cluster has room for, unless the user set it."""
        now = time.monotonic()
        if any(actor.started for actor in self._actors):
            self._patience_ends = now + PATIENCE_SECONDS
        elif now > self._patience_ends:
            raise SerBatchError(
                f"no node of the Ray cluster has had {self._options.ray_cpus_per_actor:g} CPUs free for "
                f"{PATIENCE_SECONDS / 60:.0f} minutes (`ray status` tells more): run the same command again later"
            )
        if now >= self._refresh_due:
            self._refresh_due = now + REFRESH_SECONDS
            cpus = ray.cluster_resources().get("CPU", 0)
            self._wanted = self._options.ray_actors or max(1, int(cpus // self._options.ray_cpus_per_actor))

    def _start_actors(self) -> None:
        """Request actors; Ray starts them when a node has room."""
        busy = sum(bool(actor.work) for actor in self._actors)
        for _ in range(len(self._actors), min(self._wanted, busy + len(self._chunks))):
            self._actors.append(_Actor(self._class.remote(*self._arguments)))

    def _send_chunks(self) -> None:
        """Send each actor one chunk, then each a second one."""
        for depth in range(QUEUED):
            for actor in self._actors:
                if self._chunks and actor.started and len(actor.work) == depth:
                    try:
                        actor.work.append((self._call(actor, self._chunks[0]), self._chunks[0]))
                    except (ObjectStoreFullError, OutOfDiskError) as error:
                        if any(actor.work for actor in self._actors):
                            return  # a finished chunk makes room
                        raise SerBatchError(f"Ray's object store has no room: {_reason(error)}") from error
                    self._chunks.popleft()

    def _call(self, actor: _Actor, chunk: list[Source]) -> Any:
        """Call an actor with a chunk; returns the reference to the result."""
        contents = {}
        for k, source in enumerate(chunk):
            if source.path in self._shipped:
                with suppress(OSError):  # the node reports that there is no such file
                    contents[k] = _put(source)
        sources = [replace(source, path=absolute(source.path)) for source in chunk]
        return actor.handle.annotate_shipped.remote(sources, contents)

    def _accepted(
        self, chunk: list[Source], answer: list[tuple[int, Outcome]]
    ) -> Iterator[tuple[Source, Outcome]]:
        """Yield results, except of files that only the driver can read: with --ray-ship-files they are queued again."""
        unseen = []
        for k, outcome in answer:
            source = chunk[k]
            if (
                isinstance(outcome, Failure)
                and source.path not in self._shipped
                and _driver_reads(source, outcome)
            ):
                if self._options.ray_ship_files:
                    unseen.append(source)
                    continue
                advice = (
                    "on a node of the cluster: use a file system that all nodes share, or --ray-ship-files"
                )
                outcome = Failure(outcome.stage, outcome.error, f"{outcome.message} {advice}")
            self._shipped.discard(source.path)
            yield source, outcome
        self._shipped.update(source.path for source in unseen)
        self._chunks.extend(chunks(unseen))

    def _lost(self, actor: _Actor, error: RayError) -> Iterator[tuple[Source, Outcome]]:
        """Queue the chunks of a lost actor again; the files of the one in work each as a chunk."""
        self._actors.remove(actor)
        ray.kill(actor.handle)
        for other in self._actors:
            if not other.work:
                other.check()  # it may be lost, too
        chunk = actor.work.popleft()[1] if actor.work else []
        died = self._has_results and actor.responded and isinstance(error, RayActorError)
        if not died:
            self._failures += 1
            if self._failures > STARTS * (self._wanted if self._has_results else 1) and not self._halted:
                raise SerBatchError(f"the actors on the Ray cluster cannot work: {_reason(error)}")
        for source in chunk:
            self._losses[source.path] += died
            if self._losses[source.path] == LOSSES:
                message = f"{LOSSES} actors were lost while they read it; the last: {_reason(error)}"
                yield source, Failure("worker", "Crash", message)
            else:
                self._chunks.append([source])
        self._chunks.extend(chunk for _, chunk in actor.work)

    def close(self) -> None:
        """End the actors, after their clean-up if they respond."""
        with suppress(RayError, ConnectionError):
            ends = [actor.handle.close.remote() for actor in self._actors if actor.started]
            if ends:
                ray.wait(ends, num_returns=len(ends), timeout=CLOSE_SECONDS)
            for actor in self._actors:
                ray.kill(actor.handle)


def _ready(refs: list[Any]) -> list[Any]:
    """Wait up to 0.2 s for a result, and return all that are ready."""
    if not refs:
        time.sleep(0.2)
    elif ray.wait(refs, timeout=0.2)[0]:
        return ray.wait(refs, num_returns=len(refs), timeout=0)[0]
    return []


def _driver_reads(source: Source, failure: Failure) -> bool:
    """Whether a node cannot read a file that the driver can."""
    return failure.error in UNREADABLE and os.access(split(source.path).path, os.R_OK)


def _put(source: Source) -> list[Any]:
    """Put a file's bytes into the object store, in parts; returns references."""
    with Path(split(source.path).path).open("rb") as file:
        return [ray.put(part) for part in iter(lambda: file.read(PART_BYTES), b"")]


def _reason(error: Exception) -> str:
    """The last line of Ray's message: the others are a traceback."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip().removeprefix("ser_batch.errors.SerBatchError: ")
