"""The local engine: worker processes that take files in chunks, and are replaced when they die or hang."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait

from ser_batch.engine import processes
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.inputs.url import is_url

CHUNK_FILES = 16
CHUNK_BYTES = 4_000_000
START_SECONDS = 120.0  # to load the network, from the slowest file system
STARTS = 3  # how often in a row each worker's place may fail to be filled, in a run that has begun well
BEAT_SECONDS = 0.2  # between a worker's signs of life
SECONDS_A_MEGABYTE = 0.5  # beside the timeout: some decoders read a whole file before they give any audio
MEMORY_LIMIT = 1 << 30  # bytes, beside the loaded model; a file takes some 50 MB, whatever its length
OUT_OF_MEMORY = 77  # exit code


def annotate(
    sources: Iterable[Source],
    settings: Settings,
    jobs: int,
    timeout: float,
    stopped: Callable[[], bool],
    heard: Callable[[Source, float], None] = lambda source, seconds: None,
) -> Generator[tuple[Source, Outcome], None, None]:
    """Annotate files in `jobs` processes, which are started and ended here: see `Pool`."""
    with closing(Pool(settings, jobs, timeout)) as pool:
        yield from pool.annotate(sources, stopped, heard)


class Pool:
    """Worker processes, each with one numerical thread, that stay for the next files."""

    def __init__(self, settings: Settings, jobs: int, timeout: float):
        """Start the processes.

        Args:
            settings: what the workers are made from.
            jobs: number of processes.
            timeout: seconds that any file may go without giving a window of audio, besides time in proportion to
                its size.
        """
        self._settings, self._timeout = settings, timeout
        self._workers: list[_Process] = []
        self._failed_starts = self._may_fail = 0
        try:
            self._workers.extend(_Process(settings, timeout) for _ in range(jobs))
        except BaseException:
            self.close()
            raise

    def annotate(
        self,
        sources: Iterable[Source],
        stopped: Callable[[], bool],
        heard: Callable[[Source, float], None] = lambda source, seconds: None,
    ) -> Generator[tuple[Source, Outcome], None, None]:
        """Annotate files; each comes out exactly once, in the order of completion.

        A file whose worker dies, or that exceeds its time, is tried once more when all others are done, with
        nothing else in its worker; then it is a failure. The files behind it are given to another worker.

        Args:
            sources: the files; taken as they are needed.
            stopped: asked several times a second; once true, the file that each worker is at is finished, and no
                more: the pool is of no further use.
            heard: told several times a second how much of a file in work is done, in seconds of audio.

        Raises:
            SerBatchError: the workers cannot start.
        """
        new = chunks(sources)
        again: deque[list[Source]] = deque()  # left behind by a dead worker
        suspects: deque[Source] = deque()  # what a dead worker was working on
        suspected: set[str] = set()
        while True:
            # those that are known to work come first
            for worker in sorted(self._workers, key=lambda worker: not worker.started):
                if stopped():
                    worker.forget_queue()
                    continue
                while worker.wants_more():
                    chunk = again.popleft() if again else next(new, None)
                    if chunk is None and suspects and not worker.files:
                        chunk = [suspects.popleft()]
                    if chunk is None:
                        break
                    worker.give(chunk)
            if not any(worker.files for worker in self._workers):
                return
            for i in _ready(self._workers):
                worker = self._workers[i]
                done = worker.receive()
                if done:
                    yield done
                elif worker.heard and worker.files:
                    heard(worker.files[0], worker.heard)
                if worker.started:
                    self._failed_starts, self._may_fail = 0, STARTS * len(self._workers)
                if not worker.end:
                    continue
                self._workers[i] = _Process(self._settings, self._timeout)
                if not worker.started:
                    self._failed_starts += 1
                    if self._failed_starts > self._may_fail and not stopped():
                        raise SerBatchError(f"the workers cannot start: {worker.end.message}")
                elif worker.files:
                    suspect = worker.files.popleft()
                    if suspect.path in suspected:
                        yield suspect, worker.end
                    else:
                        suspected.add(suspect.path)
                        suspects.append(suspect)
                if worker.files:
                    again.append(list(worker.files))

    def close(self) -> None:
        """End the processes at once."""
        for worker in self._workers:
            worker.kill()


def chunks(sources: Iterable[Source]) -> Iterator[list[Source]]:
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
    """Wait a moment for workers that have sent something, died, or run out of time."""
    patience = min(0.2, max(0.0, min(worker.deadline for worker in workers) - time.monotonic()))
    heard = wait([worker.pipe for worker in workers], patience)
    now = time.monotonic()
    return [i for i, worker in enumerate(workers) if worker.pipe in heard or worker.deadline <= now]


class _Process:
    """A worker process with the files that it was given, in order, and has not yet answered for.

    `started` tells whether it has loaded the network; `heard` how many seconds of audio it has done in the first of
    the files; `end` why the process is no more.
    """

    def __init__(self, settings: Settings, timeout: float):
        self.files: deque[Source] = deque()
        self.started = False
        self.heard = 0.0
        self.end: Failure | None = None
        self._timeout = timeout
        self.deadline = time.monotonic() + START_SECONDS
        self.pipe, far_end = processes.SPAWN.Pipe()
        self._process = processes.SPAWN.Process(
            target=_serve, args=(far_end, settings, os.getpid()), daemon=True
        )
        self._start()
        far_end.close()  # so that the pipe ends when the process does

    def _start(self) -> None:
        for pause in (1, 5, 25):
            try:
                with processes.child_environment(signal.SIGINT, signal.SIGTERM):
                    return self._process.start()
            except OSError as error:  # the machine has no room for a process: it may have in a while
                reason = error.strerror
                time.sleep(pause)
        raise SerBatchError(f"cannot start a process ({reason}): use fewer --jobs")

    def wants_more(self) -> bool:
        """Whether it would soon run out of work; it fetches one object while it is at another."""
        if len(self.files) == 1 and is_url(self.files[0].path):
            return True
        return len(self.files) < CHUNK_FILES // 2 and sum(source.size for source in self.files) < CHUNK_BYTES

    def give(self, chunk: list[Source]) -> None:
        """Queue files for it."""
        idle = not self.files
        self.files.extend(chunk)
        with suppress(OSError):  # it has just died: `receive` will find out
            self.pipe.send([source.path for source in chunk])
        if idle and self.started:
            self._wind_clock()

    def forget_queue(self) -> None:
        """Expect no answer for the files behind the one that it is at."""
        while len(self.files) > (1 if self.started else 0):
            self.files.pop()

    def receive(self) -> tuple[Source, Outcome] | None:
        """A file with its outcome, if it has sent one; else a sign of life, or `end` is set."""
        try:
            if not self.pipe.poll():
                self.end = Failure("worker", "Timeout", "took too long: raise --timeout if the file is sound")
                self.kill()
                return None
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.end = self._post_mortem()
            return None
        if isinstance(message, str):
            self.end = Failure("worker", "Start", message)
            return None
        self.started = True
        self.heard = message if isinstance(message, float) else 0.0
        answered = message is not None and not isinstance(message, float) and self.files
        done = (self.files.popleft(), message) if answered else None
        self._wind_clock()
        return done

    def _wind_clock(self) -> None:
        """Give it time for the file that it is at, from now on."""
        if self.files:
            allowed = self._timeout + self.files[0].size / 1e6 * SECONDS_A_MEGABYTE
            self.deadline = time.monotonic() + allowed
        else:
            self.deadline = float("inf")

    def _post_mortem(self) -> Failure:
        self._process.join(10)
        self.kill()
        code = self._process.exitcode or 0
        if code == OUT_OF_MEMORY:
            return Failure("worker", "Memory", "took more than 1 GB of memory: the file is damaged")
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        message = f"the process that read it died ({cause}): the file is damaged, or memory ran out"
        return Failure("worker", "Crash", message)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join(10)  # it ends later if the kernel holds it, as in a read from a disk that is dying
        self.pipe.close()


def _serve(pipe: Connection, settings: Settings, parent: int) -> None:
    """The life of a worker process: None says that it is ready, seconds of audio are signs of life."""
    processes.exit_with_parent(parent)
    # decoders write about damaged files to both, where the parent draws its progress or writes results
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        from ser_batch.engine.worker import Worker  # here, since the parent has no use for what it imports

        worker = Worker(settings)
    except Exception as error:
        pipe.send(str(error) or type(error).__name__)
        return
    processes.limit_memory(MEMORY_LIMIT)
    last_beat = time.monotonic()
    path = ""
    queue: deque[str] = deque()

    def beat(seconds: float) -> None:
        nonlocal last_beat
        if time.monotonic() >= last_beat + BEAT_SECONDS:
            pipe.send(seconds)
            last_beat = time.monotonic()
            look_ahead()

    def look_ahead() -> None:
        if is_url(path):
            while pipe.poll():
                queue.extend(pipe.recv())
            if queue:
                worker.expect(queue[0])

    pipe.send(None)
    with suppress(EOFError):
        while True:
            queue.extend(pipe.recv() if not queue else ())
            path = queue.popleft()
            try:
                look_ahead()
                pipe.send(worker.annotate(path, beat))
            except MemoryError:
                os._exit(OUT_OF_MEMORY)
