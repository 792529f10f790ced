"""A dry run: what `annotate` would do and how long it would take, from headers and a probe. Nothing is written."""

import random
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, cycle
from pathlib import Path
from typing import NamedTuple

from ser_batch.audio.decoding import header
from ser_batch.engine import pool, processes
from ser_batch.engine.job import Options, Settings
from ser_batch.engine.result import Annotation
from ser_batch.inputs.sources import Source
from ser_batch.inputs.url import redacted
from ser_batch.runs import run_json
from ser_batch.runs.journal import read_journal
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.plan import Plan
from ser_batch.runs.progress import Progress, Rates, count_work
from ser_batch.runs.run import no_audio_error, prepare
from ser_batch.runs.shards import parse_shard

SAMPLE_FILES = 1_000  # whose headers are read
PROBE_SECONDS = 2.0  # of work, save that what is in work then is finished
LONG_SECONDS = 600.0  # files of more audio are not probed,
UNTOLD_SECONDS = 60.0  # and this is believed of those whose headers do not tell


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would do: `files` and `bytes` of `audio_seconds`, beside those done before and the unreadable ones.

    `sampled` tells that only some headers were read. `probed` files were annotated in `jobs` processes of this machine,
    of which `probe_failed` failed. `times_real_time` and `seconds`, of the whole run, are None if there is no telling.
    """

    files: int
    bytes: int
    done_before: int
    unreadable: Sequence[str]
    audio_seconds: float
    sampled: bool
    jobs: int
    probed: int = 0
    probe_failed: int = 0
    times_real_time: float | None = None
    seconds: float | None = None


def estimate_run(paths: Iterable[str], folder: Path, options: Options, progress: Progress) -> DryRun:
    """What `run` would do with the same arguments.

    Raises:
        SerBatchError: it would do nothing: no audio, an unknown model, a folder with the results of other settings.
    """
    shard = parse_shard(options.shard)
    bundle, settings = prepare(options, progress)
    plan = Plan(paths, options.include, options.exclude, shard and shard.holds)
    if not plan.n_found:
        raise no_audio_error(plan)
    done = 0
    if not options.restart:
        journal = read_journal(
            OutputFolder(folder, shard).journal, run_json.fingerprint(settings, bundle, plan.root)
        )
        done = plan.resume(journal, options.retry_failed)
    work = count_work(plan.pending(), plan.unreadable, done, bundle.labels, plan.name)

    sample = _sample(plan.pending(), work.files)
    rates = Rates()
    told = [(source, seconds) for source, seconds in sample if seconds is not None]
    for source, seconds in told:
        rates.learn(source, seconds)
    audio = sum(seconds for _, seconds in told) + rates.left(work.sizes)
    jobs = min(options.jobs or processes.default_jobs(), max(1, work.files))
    probed = _probe(_short(sample), settings, jobs, options.timeout)
    return DryRun(
        files=work.files,
        bytes=sum(work.sizes.values()),
        done_before=done,
        unreadable=[redacted(item.path) for item in plan.unreadable],
        audio_seconds=audio,
        sampled=len(sample) < work.files,
        jobs=jobs,
        probed=probed.files,
        probe_failed=probed.failed,
        times_real_time=probed.speed,
        seconds=probed.start + audio / probed.speed if probed.speed else None,
    )


def _sample(todo: Iterable[Source], n: int) -> list[tuple[Source, float | None]]:
    """Some files at random, the same each time, and their lengths in seconds as far as their headers tell."""
    drawn = set(random.Random(0).sample(range(n), min(n, SAMPLE_FILES)))
    return [(source, header.seconds(source.path)) for i, source in enumerate(todo) if i in drawn]


def _short(sample: Iterable[tuple[Source, float | None]]) -> list[Source]:
    """Those to be probed, the shortest first: none that would take long, unless all would."""
    lengths = [(source, UNTOLD_SECONDS if seconds is None else seconds) for source, seconds in sample]
    lengths.sort(key=lambda pair: pair[1])
    short = [source for source, seconds in lengths if seconds <= LONG_SECONDS]
    short = short or [source for source, _ in lengths[:1]]
    return short[:1] + random.Random(0).sample(short[1:], len(short[1:]))


class _Probe(NamedTuple):
    files: int = 0
    failed: int = 0
    start: float = 0.0
    speed: float | None = None


def _probe(files: Sequence[Source], settings: Settings, jobs: int, timeout: float) -> _Probe:
    """Annotate files with the workers of a run: seconds until they work, and seconds of audio a second from then on.

    Each worker begins with the shortest file, since its first result alone tells that it has started.
    """
    if not files:
        return _Probe()
    # so large that each is a chunk of its own, which another worker does not wait for
    endless = (replace(file, size=pool.CHUNK_BYTES) for file in chain([files[0]] * jobs, cycle(files)))
    ends: list[float] = []
    audio: list[float] = []
    tried: dict[str, bool] = {}
    began = time.monotonic()

    def stopped() -> bool:
        return len(ends) > jobs and time.monotonic() > ends[jobs - 1] + PROBE_SECONDS

    with closing(pool.annotate(endless, settings, jobs, timeout, stopped)) as results:
        for source, outcome in results:
            ends.append(time.monotonic())
            audio.append(outcome.duration if isinstance(outcome, Annotation) else 0.0)
            tried[source.path] = isinstance(outcome, Annotation)
    start = ends[jobs - 1]
    speed = sum(audio[jobs:]) / (ends[-1] - start)
    return _Probe(len(tried), len(tried) - sum(tried.values()), start - began, speed or None)
