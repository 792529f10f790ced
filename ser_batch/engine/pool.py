"""The local engine: worker processes that take files in chunks, and are replaced when they die or hang."""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from ser_batch.corpus.find import Source
from ser_batch.engine import processes
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import SerBatchError

CHUNK_FILES = 16
CHUNK_BYTES = 4_000_000
START_SECONDS = 120.0  # to load the network, from the slowest file system
SECONDS_A_MEGABYTE = 20.0  # a megabyte of the densest speech codec is half an hour, which takes a few seconds

Outcome = Annotation | Failure


def annotate(
    sources: Iterable[Source],
    settings: Settings,
    jobs: int,
    timeout: float,
    stopped: Callable[[], bool],
) -> Iterator[tuple[Source, Outcome]]:
    """Annotate files in `jobs` processes; each comes out exactly once, in the order of completion.

    A file whose worker dies, or that exceeds its time, is tried once more when all others are done, with
    nothing else in its worker; then it is a failure. The files behind it are given to another worker.

    Args:
        sources: the files; taken as they are needed.
        settings: what the workers are made from.
        jobs: number of processes, each with one numerical thread.
        timeout: seconds that any file may take, besides time in proportion to its size.
        stopped: asked between results; once true, no more files are given out, and those in work are finished.

    Raises:
        SerBatchError: the workers cannot start.
    """
    chunks = _chunks(sources)
    again: deque[list[Source]] = deque()  # left behind by a dead worker
    suspects: deque[Source] = deque()  # what a dead worker was working on
    suspected: set[str] = set()
    workers = [_Process(settings, timeout) for _ in range(jobs)]
    try:
        while True:
            for worker in workers:
                while not stopped() and worker.wants_more():
                    chunk = again.popleft() if again else next(chunks, None)
                    if chunk is None and suspects and not worker.files:
                        chunk = [suspects.popleft()]
                    if chunk is None:
                        break
                    worker.give(chunk)
            if not any(worker.files for worker in workers):
                return
            for i in _ready(workers):
                worker = workers[i]
                outcome = worker.receive()
                if outcome is not None:
                    yield worker.files.popleft(), outcome
                elif worker.exit_reason:
                    workers[i] = _Process(settings, timeout)
                    if not worker.files:
                        continue
                    suspect = worker.files.popleft()
                    if worker.files:
                        again.append(list(worker.files))
                    if suspect.path in suspected:
                        yield suspect, worker.exit_reason
                    else:
                        suspected.add(suspect.path)
                        suspects.append(suspect)
    finally:
        for worker in workers:
            worker.kill()


def _chunks(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Group files so that a chunk is worth a message but no worker is left with much more than the others."""
    chunk: list[Source] = []
    size = 0
    for source in sources:
        chunk.append(source)
        size += source.size
        if len(chunk) == CHUNK_FILES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _ready(workers: list["_Process"]) -> list[int]:
    """Wait for workers that have sent something, died, or run out of time."""
    patience = min(1.0, max(0.0, min(worker.deadline for worker in workers) - time.monotonic()))
    heard = wait([worker.pipe for worker in workers], patience)
    now = time.monotonic()
    return [i for i, worker in enumerate(workers) if worker.pipe in heard or worker.deadline <= now]


class _Process:
    """A worker process with the files that it was given, in order, and has not yet answered for."""

    def __init__(self, settings: Settings, timeout: float):
        self.files: deque[Source] = deque()
        self.exit_reason: Failure | None = None
        self._timeout = timeout
        self._started = False
        self.deadline = time.monotonic() + START_SECONDS
        self.pipe, far_end = processes.SPAWN.Pipe()
        self._process = processes.SPAWN.Process(target=_serve, args=(far_end, settings), daemon=True)
        with processes.for_children():
            self._process.start()
        far_end.close()  # so that the pipe ends when the process does

    def wants_more(self) -> bool:
        """Whether it would soon run out of work."""
        return len(self.files) < CHUNK_FILES // 2

    def give(self, chunk: list[Source]) -> None:
        """Queue files for it."""
        with suppress(OSError):  # it has just died: `receive` will find out
            self.pipe.send([source.path for source in chunk])
        self.files.extend(chunk)
        if len(self.files) == len(chunk):
            self._set_deadline()

    def receive(self) -> Outcome | None:
        """The next outcome; None when there is none: `exit_reason` then tells whether the process ended."""
        message = None
        try:
            if self.pipe.poll():
                message = self.pipe.recv()
            else:
                self._expire()
        except (EOFError, OSError):
            self._end()
        if not self._started and (message or self.exit_reason):
            raise SerBatchError(f"the workers cannot start: {message or self.exit_reason}")
        self._started = True
        self._set_deadline(done=1 if message else 0)
        return message

    def _set_deadline(self, done: int = 0) -> None:
        if not self._started:
            return
        if len(self.files) > done:
            size = self.files[done].size
            self.deadline = time.monotonic() + self._timeout + size / 1e6 * SECONDS_A_MEGABYTE
        else:
            self.deadline = float("inf")

    def _expire(self) -> None:
        self.kill()
        self.exit_reason = Failure(
            "worker", "Timeout", "took too long and was stopped: raise --timeout if the file is sound"
        )

    def _end(self) -> None:
        self._process.join()
        code = self._process.exitcode or 0
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self.exit_reason = Failure(
            "worker",
            "Crash",
            f"the process that read it died ({cause}): the file is damaged, or memory ran out",
        )

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, settings: Settings) -> None:
    """The life of a worker process: answer None when ready, else a message; then one outcome a file."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    # decoders write about damaged files to stderr, where the parent draws its progress
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        from ser_batch.engine.worker import Worker  # here, since the parent has no use for what it imports

        worker = Worker(settings)
    except Exception as error:
        pipe.send(str(error) or type(error).__name__)
        return
    pipe.send(None)
    while True:
        try:
            paths = pipe.recv()
        except EOFError:
            return
        for path in paths:
            pipe.send(worker.annotate(path))


def _follow_parent() -> None:
    """End with the parent, also when it was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
