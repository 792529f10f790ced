"""A dry run of `annotate`: estimates work and time from headers and a short test; writes nothing."""

import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, cycle
from pathlib import Path
from typing import NamedTuple

from ser_batch.audio.decoding import header
from ser_batch.engine import pool
from ser_batch.engine.job import Options, Settings
from ser_batch.engine.limits import default_jobs
from ser_batch.engine.result import Annotation
from ser_batch.inputs.sources import Source
from ser_batch.inputs.url import redacted
from ser_batch.runs import run_json
from ser_batch.runs.journal import read_journal
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.progress import Progress, Rates, count_work
from ser_batch.runs.run import find_inputs
from ser_batch.runs.settings import prepare
from ser_batch.runs.shards import parse_shard

SAMPLE_FILES = 1_000  # whose headers are read
TEST_SECONDS = 2.0  # of work; files in work then are finished
LONG_SECONDS = 600.0  # longer files are not in the test
DEFAULT_SECONDS = 60.0  # assumed of a file whose header gives no length


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would do."""

    files: int  # to annotate
    bytes: int
    done_before: int
    unreadable: Sequence[str]
    audio_seconds: float
    sampled: bool  # only some of the headers were read
    jobs: int
    passed_over: Counter[str] = field(
        default_factory=Counter
    )  # files of the directories that are no audio files
    probed: int = 0  # files that were annotated in the test
    probe_failed: int = 0
    times_real_time: float | None = None  # None: unknown
    seconds: float | None = None  # of the whole run


def estimate_run(paths: Iterable[str], folder: Path, options: Options, progress: Progress) -> DryRun:
    """Estimate what `run` would do with the same arguments.

    Raises:
        SerBatchError: it would fail: no audio, an unknown model, a folder with the results of other settings.
    """
    output = OutputFolder(folder, parse_shard(options.shard))
    bundle, settings = prepare(options, progress)
    plan = find_inputs(paths, options, output)
    done = 0
    if not options.restart:
        fingerprint = run_json.fingerprint(settings, bundle, plan.root)
        journal = read_journal(output.journal, fingerprint, options.moved)
        done = plan.resume(journal, options.retry_failed)
    work = count_work(plan.pending(), plan.unreadable, done, bundle.labels, plan.name)

    sample = _sample(plan.pending(), work.files)
    rates = Rates()
    known = [(source, seconds) for source, seconds in sample if seconds is not None]
    for source, seconds in known:
        rates.learn(source, seconds)
    audio = sum(seconds for _, seconds in known) + rates.left(work.sizes)
    jobs = min(options.jobs or default_jobs(work.files, progress.warn), max(1, work.files))
    test = _test(_test_files(sample), settings, jobs, options.timeout)
    return DryRun(
        files=work.files,
        bytes=sum(work.sizes.values()),
        done_before=done,
        unreadable=[redacted(item.path) for item in plan.unreadable],
        audio_seconds=audio,
        sampled=len(sample) < work.files,
        jobs=jobs,
        passed_over=plan.passed_over,
        probed=test.files,
        probe_failed=test.failed,
        times_real_time=test.speed,
        seconds=test.start + audio / test.speed if test.speed else None,
    )


def _sample(pending: Iterable[Source], n: int) -> list[tuple[Source, float | None]]:
    """A random sample, always the same, with the seconds that each header gives."""
    drawn = set(random.Random(0).sample(range(n), min(n, SAMPLE_FILES)))
    return [(source, header.seconds(source.path)) for i, source in enumerate(pending) if i in drawn]


def _test_files(sample: Iterable[tuple[Source, float | None]]) -> list[Source]:
    """The files of the test, the shortest first; no long ones, unless all are."""
    lengths = [(source, DEFAULT_SECONDS if seconds is None else seconds) for source, seconds in sample]
    lengths.sort(key=lambda pair: pair[1])
    short = [source for source, seconds in lengths if seconds <= LONG_SECONDS]
    short = short or [source for source, _ in lengths[:1]]
    return short[:1] + random.Random(0).sample(short[1:], len(short[1:]))


class _Test(NamedTuple):
    files: int = 0
    failed: int = 0
    start: float = 0.0  # seconds until the workers have started
    speed: float | None = None  # seconds of audio per second from then on


def _test(files: Sequence[Source], settings: Settings, jobs: int, timeout: float) -> _Test:
    """Annotate files for `TEST_SECONDS`. Each worker begins with the shortest: its result shows that it has started."""
    if not files:
        return _Test()
    # the size makes each file a chunk of its own, so that no worker waits for another's
    endless = (replace(file, size=pool.CHUNK_BYTES) for file in chain([files[0]] * jobs, cycle(files)))
    ends: list[float] = []
    audio: list[float] = []
    succeeded: dict[str, bool] = {}
    began = time.monotonic()

    def stopped() -> bool:
        return len(ends) > jobs and time.monotonic() > ends[jobs - 1] + TEST_SECONDS

    with closing(pool.annotate(endless, settings, jobs, timeout, stopped)) as results:
        for source, outcome in results:
            ends.append(time.monotonic())
            audio.append(outcome.duration if isinstance(outcome, Annotation) else 0.0)
            succeeded[source.path] = isinstance(outcome, Annotation)
    start = ends[jobs - 1]
    speed = sum(audio[jobs:]) / (ends[-1] - start)
    return _Test(len(succeeded), list(succeeded.values()).count(False), start - began, speed or None)
