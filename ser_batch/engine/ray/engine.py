"""The engine for clusters: the workers of the local engine, each in the care of a Ray actor."""

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
from ser_batch.engine.ray.actor import AnnotationActor, bundle_files
from ser_batch.engine.ray.local import private_cluster
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.paths import absolute
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import load_bundle
from ser_batch.version import __version__

LOCAL = "local"  # in place of an address: a private cluster
AHEAD = 2  # chunks given to each actor, so that it need not wait for the next one
LOSSES = 3  # how many actors may be lost over a file
REFRESH_SECONDS = 3.0  # between looks at how large the cluster is
PATIENCE_SECONDS = 900.0  # without any actor: nodes that are booted and install packages take minutes
CONNECT_SECONDS = 20.0
CLOSE_SECONDS = 5.0
PART_BYTES = 16_000_000  # of a file in the object store
ELSEWHERE = ("FileNotFoundError", "PermissionError")  # on a node; the driver may be able to read the file


def annotate(
    options: Options,
    sources: Iterable[Source],
    settings: Settings,
    jobs: int,
    timeout: float,
    stopped: Callable[[], bool],
    heard: Callable[[Source, float], None] = lambda source, seconds: None,
) -> Generator[tuple[Source, Outcome], None, None]:
    """Annotate files in the actors of a cluster; each comes out exactly once, in the order of completion.

    What a file does to its worker costs that file alone, as in `ser_batch.engine.pool`. When an actor is lost, its
    files are given to others; a file over which `LOSSES` actors are lost is a failure.

    Args:
        options: where the cluster is, and what is wanted of it.
        sources: the files; taken as they are needed.
        settings: what the workers are made from.
        jobs: CPUs of a private cluster.
        timeout: as for `ser_batch.engine.pool.Pool`.
        stopped: asked several times a second; once true, the file that each worker is at is finished, and no more.
        heard: is told nothing: what is in work on a node is not known here.

    Raises:
        SerBatchError: the cluster cannot be joined, is lost, has no room, or its nodes cannot work.
        UsageError: options that make no sense.
    """
    with _cluster(options, jobs), closing(_Crew(options, settings, timeout)) as crew:
        try:
            yield from crew.annotate(chunks(sources), stopped)
        except (RayError, ConnectionError) as error:
            raise SerBatchError(
                f"the Ray cluster is lost ({_reason(error)}): run the same command again, what is done is kept"
            ) from error


@contextmanager
def _cluster(options: Options, jobs: int) -> Iterator[None]:
    """A connection to a cluster; one that this process has already is used as it is, and kept."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of chunks that a lost actor had not begun
    environment = _runtime_env(options.ray_runtime_env)
    with ExitStack() as stack:
        address = options.ray or LOCAL
        if address == LOCAL:
            cpus = (options.ray_actors or jobs) * options.ray_cpus_per_actor
            address = stack.enter_context(private_cluster(cpus))
        before = signal.getsignal(signal.SIGTERM)
        try:
            _knock(address)
            ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="ERROR")
        except Exception as error:
            raise SerBatchError(f"cannot join the Ray cluster at {address}: {_reason(error)}") from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)  # Ray has taken it
        stack.callback(ray.shutdown)
        yield


def _knock(address: str) -> None:
    """Raise OSError if nobody is at an address: Ray would try for ever."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        with socket.create_connection((host, int(port)), CONNECT_SECONDS):
            pass


def _runtime_env(text: str | None) -> dict[str, Any] | None:
    """The runtime environment in a JSON file, or in JSON itself."""
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
    """An actor with the chunks that it was given, in order, and has not yet answered for.

    `met` tells whether it has ever answered; `started`, whether work may be given to it.
    """

    def __init__(self, handle: Any):
        self.handle = handle
        self.met = False
        self.work: deque[tuple[Any, list[Source]]] = deque()
        self.call()

    def call(self) -> None:
        """Ask whether it is there."""
        self.started = False
        self._ready = self.handle.ready.remote()

    @property
    def awaited(self) -> Any:
        """Reference to what it will say next; None if it has nothing to do."""
        if not self.started:
            return self._ready
        return self.work[0][0] if self.work else None


class _Crew:
    """The actors of a run and what is left for them to do."""

    def __init__(self, options: Options, settings: Settings, timeout: float):
        self._options = options
        self._actors: list[_Actor] = []
        self._todo: deque[list[Source]] = deque()
        self._losses: Counter[str] = Counter()
        self._only_here: set[str] = set()  # paths of files whose bytes are to be sent
        self._failures = 0  # of actors, in a row
        self._begun = self._halted = False
        self._wanted = 0
        self._refresh_due = 0.0
        self._patience_ends = time.monotonic() + PATIENCE_SECONDS
        self._class = ray.remote(
            num_cpus=options.ray_cpus_per_actor,
            concurrency_groups={"control": 1},
            scheduling_strategy="SPREAD",
            max_restarts=0,
        )(AnnotationActor)
        bundle = ray.put(bundle_files(load_bundle(settings.model)))  # once, whatever the number of actors
        self._arguments = (bundle, settings, timeout, __version__)

    def annotate(
        self, new: Iterator[list[Source]], stopped: Callable[[], bool]
    ) -> Generator[tuple[Source, Outcome], None, None]:
        while True:
            if stopped() and not self._halted:
                self._halted = True
                for actor in self._actors:
                    actor.handle.stop.remote()
            if not self._halted:
                self._count_places()
                self._todo.extend(islice(new, max(0, self._wanted - len(self._todo))))
                self._hire()
                self._give()
            if not any(actor.work for actor in self._actors) and (self._halted or not self._todo):
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
                    self._failures, self._begun = 0, True
                    yield from self._accepted(chunk, answer)
                actor.started = actor.met = True

    def _count_places(self) -> None:
        """See how many actors the cluster has room for, which changes; actors beyond that have to be asked for."""
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

    def _hire(self) -> None:
        """Ask for actors; they start when and where there is room."""
        busy = sum(bool(actor.work) for actor in self._actors)
        for _ in range(len(self._actors), min(self._wanted, busy + len(self._todo))):
            self._actors.append(_Actor(self._class.remote(*self._arguments)))

    def _give(self) -> None:
        """Have every actor at work, and then each with something ahead."""
        for depth in range(AHEAD):
            for actor in self._actors:
                if self._todo and actor.started and len(actor.work) == depth:
                    try:
                        actor.work.append(self._sent(actor, self._todo[0]))
                    except (ObjectStoreFullError, OutOfDiskError) as error:
                        if any(actor.work for actor in self._actors):
                            return  # there will be room when something is done
                        raise SerBatchError(f"Ray's object store has no room: {_reason(error)}") from error
                    self._todo.popleft()

    def _sent(self, actor: _Actor, chunk: list[Source]) -> tuple[Any, list[Source]]:
        contents = {}
        for k, source in enumerate(chunk):
            if source.path in self._only_here:
                with suppress(OSError):  # the node will say that there is no such file
                    contents[k] = _shipped(source)
        sources = [replace(source, path=absolute(source.path)) for source in chunk]
        return actor.handle.annotate_shipped.remote(sources, contents), chunk

    def _accepted(
        self, chunk: list[Source], answer: list[tuple[int, Outcome]]
    ) -> Iterator[tuple[Source, Outcome]]:
        """Results, but for files that a node cannot see: they are to be sent."""
        unseen = []
        for k, outcome in answer:
            source = chunk[k]
            if (
                isinstance(outcome, Failure)
                and source.path not in self._only_here
                and _is_here(source, outcome)
            ):
                if self._options.ray_ship_files:
                    unseen.append(source)
                    continue
                advice = (
                    "on a node of the cluster: use a file system that all nodes share, or --ray-ship-files"
                )
                outcome = Failure(outcome.stage, outcome.error, f"{outcome.message} {advice}")
            self._only_here.discard(source.path)
            yield source, outcome
        self._only_here.update(source.path for source in unseen)
        self._todo.extend(chunks(unseen))

    def _lost(self, actor: _Actor, error: RayError) -> Iterator[tuple[Source, Outcome]]:
        """Take the work of an actor back; what it was at is tried file by file."""
        self._actors.remove(actor)
        ray.kill(actor.handle)
        for other in self._actors:
            if not other.work:
                other.call()  # it may have been lost with this one
        chunk = actor.work.popleft()[1] if actor.work else []
        died = self._begun and actor.met and isinstance(error, RayActorError)
        if not died:
            self._failures += 1
            if self._failures > STARTS * (self._wanted if self._begun else 1) and not self._halted:
                raise SerBatchError(f"the actors on the Ray cluster cannot work: {_reason(error)}")
        for source in chunk:
            self._losses[source.path] += died
            if self._losses[source.path] == LOSSES:
                message = f"{LOSSES} actors were lost while they read it; the last: {_reason(error)}"
                yield source, Failure("worker", "Crash", message)
            else:
                self._todo.append([source])
        self._todo.extend(chunk for _, chunk in actor.work)

    def close(self) -> None:
        """End the actors; those that can tidy up before."""
        with suppress(RayError, ConnectionError):
            ends = [actor.handle.close.remote() for actor in self._actors if actor.started]
            if ends:
                ray.wait(ends, num_returns=len(ends), timeout=CLOSE_SECONDS)
            for actor in self._actors:
                ray.kill(actor.handle)


def _ready(refs: list[Any]) -> list[Any]:
    """Wait a moment for something to be ready, and take all that is."""
    if not refs:
        time.sleep(0.2)
    elif ray.wait(refs, timeout=0.2)[0]:
        return ray.wait(refs, num_returns=len(refs), timeout=0)[0]
    return []


def _is_here(source: Source, failure: Failure) -> bool:
    """Whether a node has no file where the driver has one."""
    return failure.error in ELSEWHERE and os.access(source.path, os.R_OK)


def _shipped(source: Source) -> list[Any]:
    """References to a file's bytes in the object store, in parts."""
    with Path(source.path).open("rb") as file:
        return [ray.put(part) for part in iter(lambda: file.read(PART_BYTES), b"")]


def _reason(error: Exception) -> str:
    """The last line of what Ray says: the others are a traceback."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip().removeprefix("ser_batch.errors.SerBatchError: ")
