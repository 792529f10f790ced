"""The local engine: worker processes that take files in chunks, and are replaced when they die or hang."""

import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.spawn import get_executable

from ser_batch.engine import processes
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Failure, Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source
from ser_batch.inputs.url import is_url

CHUNK_FILES = 16
CHUNK_BYTES = 4_000_000
FEW_FILES = 16  # a worker with fewer files in its queue gets another chunk
START_SECONDS = 120.0  # to load the network, from the slowest file system
STARTS = 3  # failed starts in a row that each worker may have, after one has started
READ_SECONDS = 0.03  # between two readings of results while all queues are long: to wake up takes 0.2 ms
READ_FILES = 12  # in a long queue; they take a worker about `READ_SECONDS` at least
PROGRESS_SECONDS = 0.2  # between two progress messages of a worker
SECONDS_A_MEGABYTE = 0.5  # beside the timeout: some decoders read a whole file before they give any audio
MEMORY_LIMIT = 1 << 30  # bytes, beside the loaded model; a file takes some 50 MB, whatever its length


def annotate(
    sources: Iterable[Source],
    settings: Settings,
    jobs: int,
    timeout: float,
    stopped: Callable[[], bool],
    on_progress: Callable[[Source, float], None] = lambda source, seconds: None,
) -> Generator[tuple[Source, Outcome], None, None]:
    """Annotate files in `jobs` processes, which start and end here: see `Pool.annotate`."""
    with closing(Pool(settings, jobs, timeout)) as pool:
        yield from pool.annotate(sources, stopped, on_progress)


class Pool:
    """Worker processes with one numerical thread each; they stay alive from one `annotate` call to the next."""

    def __init__(self, settings: Settings, jobs: int, timeout: float):
        """Start the processes.

        Args:
            settings: model and options of the workers.
            jobs: number of processes.
            timeout: seconds that a file may take until its next window of audio, beside time in proportion to its
                size.
        """
        self._settings, self._timeout = settings, timeout
        self._workers: list[_WorkerProcess] = []
        self._failed_starts = self._starts_allowed = 0
        self._woke = 0.0  # when a worker's message ended the last wait
        try:
            self._workers.extend(_WorkerProcess(settings, timeout) for _ in range(jobs))
        except BaseException:
            self.close()
            raise

    def annotate(
        self,
        sources: Iterable[Source],
        stopped: Callable[[], bool],
        on_progress: Callable[[Source, float], None] = lambda source, seconds: None,
    ) -> Generator[tuple[Source, Outcome], None, None]:
        """Annotate files; yields each source once with its outcome, in the order of completion.

        A file whose worker dies, or that exceeds its time, is tried once more at the end, alone in its worker; then
        it is a failure. The files queued behind it go to another worker.

        Args:
            sources: the files; consumed as workers need them.
            stopped: called several times a second; when it returns True, each worker finishes its current file and
                the pool cannot be used again.
            on_progress: called several times a second with a file in work and the seconds of audio done in it.

        Raises:
            SerBatchError: the workers cannot start.
        """
        new = chunks(sources)
        requeued: deque[list[Source]] = deque()  # queued behind a file whose worker died
        suspects: deque[Source] = deque()  # files whose worker died, to be tried alone
        suspected: set[str] = set()
        while True:
            # started workers first: a start may fail
            for worker in sorted(self._workers, key=lambda worker: not worker.started):
                if stopped():
                    worker.drop_queue()
                    continue
                while worker.wants_more():
                    chunk = requeued.popleft() if requeued else next(new, None)
                    if chunk is None and suspects and not worker.files:
                        chunk = [suspects.popleft()]
                    if chunk is None:
                        break
                    worker.send(chunk)
            if not any(worker.files for worker in self._workers):
                return
            for i, has_message in self._ready():
                worker = self._workers[i]
                done = worker.receive(has_message)
                if done:
                    yield done
                elif worker.seconds_done and worker.files:
                    on_progress(worker.files[0], worker.seconds_done)
                if worker.started:
                    self._failed_starts, self._starts_allowed = 0, STARTS * len(self._workers)
                if not worker.end:
                    continue
                self._workers[i] = _WorkerProcess(self._settings, self._timeout)
                if not worker.started:
                    self._failed_starts += 1
                    if self._failed_starts > self._starts_allowed and not stopped():
                        raise SerBatchError(f"the workers cannot start: {worker.end.message}")
                elif worker.files:
                    suspect = worker.files.popleft()
                    if suspect.path in suspected:
                        yield suspect, worker.end
                    else:
                        suspected.add(suspect.path)
                        suspects.append(suspect)
                if worker.files:
                    requeued.append(list(worker.files))

    def _ready(self) -> list[tuple[int, bool]]:
        """Index of each worker that has sent something or has died (True), or has run out of time (False).

        Waits at most 0.2 s; while all queues are long, messages collect in the pipes for `READ_SECONDS`.
        """
        pipes = [worker.pipe for worker in self._workers]
        readable = wait(pipes, 0)
        if not readable:
            if all(len(worker.files) >= READ_FILES for worker in self._workers):
                time.sleep(max(0.0, self._woke + READ_SECONDS - time.monotonic()))
            deadline = min(worker.deadline for worker in self._workers)
            readable = wait(pipes, min(0.2, max(0.0, deadline - time.monotonic())))
            self._woke = time.monotonic()
        now = time.monotonic()
        found = [(i, worker.pipe in readable, worker.deadline) for i, worker in enumerate(self._workers)]
        return [(i, has_message) for i, has_message, deadline in found if has_message or deadline <= now]

    def close(self) -> None:
        """Kill the processes."""
        for worker in self._workers:
            worker.kill()


def chunks(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Group files into chunks of at most `CHUNK_FILES` files and about `CHUNK_BYTES` bytes."""
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


class _WorkerProcess:
    """A worker process, as its parent sees it.

    Attributes:
        files: the files sent to it and not yet returned; the first one is in work.
        started: the network is loaded.
        seconds_done: seconds of audio done in the first file.
        end: why the process has ended, if it has.
        deadline: time of `time.monotonic` at which it is killed.
    """

    def __init__(self, settings: Settings, timeout: float):
        self.files: deque[Source] = deque()
        self.started = False
        self.seconds_done = 0.0
        self.end: Failure | None = None
        self._timeout = timeout
        self.deadline = time.monotonic() + START_SECONDS
        self.pipe, child_end = processes.SPAWN.Pipe()
        self._process = processes.SPAWN.Process(target=_serve, args=(child_end, settings), daemon=True)
        self._start()
        child_end.close()  # then the pipe ends when the process does

    def _start(self) -> None:
        for pause in (1, 5, 25):
            try:
                with processes.child_environment(signal.SIGINT, signal.SIGTERM):
                    return self._process.start()
            except OSError as error:  # no memory or process number is free now
                reason = error.strerror
                time.sleep(pause)
        raise SerBatchError(f"cannot start a process ({reason}): use fewer --jobs")

    def wants_more(self) -> bool:
        """Whether its queue is short; with a URL in work, whether there is none to fetch meanwhile."""
        if len(self.files) == 1 and is_url(self.files[0].path):
            return True
        return len(self.files) < FEW_FILES and sum(source.size for source in self.files) < CHUNK_BYTES

    def send(self, chunk: list[Source]) -> None:
        """Append files to its queue."""
        idle = not self.files
        self.files.extend(chunk)
        with suppress(OSError):  # it has just died: `receive` finds out
            self.pipe.send([source.path for source in chunk])
        if idle and self.started:
            self._set_deadline()

    def drop_queue(self) -> None:
        """Expect no result for the files behind the one in work."""
        while len(self.files) > (1 if self.started else 0):
            self.files.pop()

    def receive(self, has_message: bool) -> tuple[Source, Outcome] | None:
        """Read a message, or kill a process that is late; returns a finished file with its outcome, or None.

        Sets `end` if the process has ended.
        """
        if not has_message:
            message = "took too long: raise --timeout if the file is sound"
            if not self.started:
                message = f"not ready after {START_SECONDS:.0f} s: the disk or the machine is too busy"
            self.end = Failure("worker", "Timeout", message)
            self.kill()
            return None
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.end = self._exit_failure()
            return None
        if isinstance(message, str):
            self.end = Failure("worker", "Start", message)
            return None
        self.started = True
        self.seconds_done = message if isinstance(message, float) else 0.0
        finished = message is not None and not isinstance(message, float) and self.files
        done = (self.files.popleft(), message) if finished else None
        self._set_deadline()
        return done

    def _set_deadline(self) -> None:
        """Start the time of the file in work."""
        allowed = math.inf
        if self.files:
            allowed = self._timeout + self.files[0].size / 1e6 * SECONDS_A_MEGABYTE
        self.deadline = time.monotonic() + allowed

    def _exit_failure(self) -> Failure:
        self._process.join(10)
        self.kill()
        code = self._process.exitcode or 0
        if code == processes.OUT_OF_MEMORY:
            return Failure("worker", "Memory", "took more than 1 GB of memory: the file is damaged")
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if not self.started:
            python = os.fsdecode(get_executable())
            message = f"{python} ended with {cause}: try `{python} -c 'import ser_batch'`"
            return Failure("worker", "Start", message)
        message = f"the process that read it died ({cause}): the file is damaged, or memory ran out"
        return Failure("worker", "Crash", message)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join(10)  # longer if the kernel holds it, as in a read from a failing disk
        self.pipe.close()


def _serve(pipe: Connection, settings: Settings) -> None:
    """Main function of a worker process.

    Receives lists of paths. Sends None when the network is loaded, or the reason why it cannot be; seconds of audio
    (float) as progress; and the outcome of each file.
    """
    processes.exit_with_parent()
    processes.ignore_console_signals()
    # decoders write about damaged files to both, where the parent draws its progress or writes results
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        from ser_batch.engine.worker import Worker  # here, since the parent does not need what it imports

        worker = Worker(settings)
    except Exception as error:
        pipe.send(str(error) or type(error).__name__)
        return
    processes.limit_memory(MEMORY_LIMIT)
    last_message = time.monotonic()
    path = ""
    queue: deque[str] = deque()

    def progress(seconds: float) -> None:
        nonlocal last_message
        if time.monotonic() >= last_message + PROGRESS_SECONDS:
            pipe.send(seconds)
            last_message = time.monotonic()
            prefetch()

    def prefetch() -> None:
        if is_url(path):
            while pipe.poll():
                queue.extend(pipe.recv())
            if queue:
                worker.prefetch(queue[0])

    pipe.send(None)
    with suppress(EOFError):
        while True:
            queue.extend(pipe.recv() if not queue else ())
            path = queue.popleft()
            try:
                prefetch()
                pipe.send(worker.annotate(path, progress))
            except MemoryError:
                os._exit(processes.OUT_OF_MEMORY)
