"""A run of `annotate`: find → workers → journal → tables, resumed where an earlier one stopped."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_batch.audio.denoise import ENGINES
from ser_batch.audio.front_end import WINDOW_SECONDS
from ser_batch.corpus.find import Source, common_root, find, relative
from ser_batch.engine import pool, processes, provenance
from ser_batch.engine.job import Options, Settings, Summary
from ser_batch.engine.journal import Journal
from ser_batch.engine.progress import Progress
from ser_batch.engine.result import Annotation
from ser_batch.engine.signals import stop_on_signal
from ser_batch.engine.tables import write_tables
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.bundle import Bundle, load_bundle


def run(paths: Sequence[str], folder: Path, options: Options, progress: Progress) -> Summary:
    """Annotate files and directories into tables in `folder`.

    Running it again with the same arguments resumes: files that are done and unchanged are not read again.

    Raises:
        SerBatchError: nothing can be done: no audio, an unknown model, a folder that cannot be written,
            or one that holds the results of other settings.
    """
    began = time.time()
    bundle = load_bundle(options.model)
    settings = _settings(options, bundle)
    if (settings.denoise == "off") != (bundle.denoise == "off"):
        progress.warn(
            f"{bundle.name} was trained with denoise {bundle.denoise}; with {settings.denoise} its labels are worse"
        )
    root = None if options.absolute else common_root(paths)
    found = {_key(item.path, root): item for item in find(paths, options.include, options.exclude)}
    if not found:
        raise SerBatchError(f"no audio files in {', '.join(paths)}: check the path, --include and --exclude")

    journal = _open_journal(folder, options.restart, provenance.fingerprint(settings, bundle))
    try:
        todo = {
            key: item
            for key, item in found.items()
            if isinstance(item, Source) and not journal.finished(key, item, options.retry_failed)
        }
        summary = Summary(
            folder, resumed=sum(isinstance(item, Source) for item in found.values()) - len(todo)
        )
        summary.new_audio_seconds, summary.interrupted = _annotate(todo, settings, options, journal, progress)
        summary.wall_seconds = time.time() - began
        if not summary.interrupted:
            write_tables(found, journal, bundle.labels, options.formats, summary)
        provenance.write(folder / "run.json", began, options, settings, bundle, summary)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        journal.close()
    return summary


def _settings(options: Options, bundle: Bundle) -> Settings:
    if not 0.1 <= options.window <= WINDOW_SECONDS:
        raise UsageError(f"a window of {options.window} s: the models take 0.1 to {WINDOW_SECONDS} s")
    if not 0.01 <= options.hop <= options.window:
        raise UsageError(
            f"a hop of {options.hop} s: it must be 0.01 s or more, and no longer than the window"
        )
    denoise = options.denoise or bundle.denoise
    if denoise not in ENGINES:
        raise UsageError(f"unknown denoise engine {denoise!r}: choose from {', '.join(ENGINES)}")
    return Settings(str(bundle.path), options.window, options.hop, denoise)


def _key(path: str, root: str | None) -> str:
    return relative(path, root) if root else "/" + relative(path, "/")


def _open_journal(folder: Path, restart: bool, fingerprint: dict[str, Any]) -> Journal:
    path = folder / ".journal" / "run.journal"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if restart:
            path.unlink(missing_ok=True)
        return Journal(path, fingerprint)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _cannot_write(folder: Path, error: OSError) -> SerBatchError:
    return SerBatchError(
        f"cannot write to {folder} ({error.strerror}): choose another folder with -o, or make room"
    )


def _annotate(
    todo: dict[str, Source],
    settings: Settings,
    options: Options,
    journal: Journal,
    progress: Progress,
) -> tuple[float, bool]:
    """Have the files done that are not; returns the seconds of audio, and whether it was interrupted."""
    keys = {source.path: key for key, source in todo.items()}
    sources = todo.values()
    jobs = min(options.jobs or processes.cores(), len(sources))
    progress.begin(len(sources), sum(source.size for source in sources))
    seconds, left = 0.0, len(sources)
    try:
        with stop_on_signal() as stopped:
            for source, outcome in pool.annotate(sources, settings, jobs, options.timeout, stopped.is_set):
                journal.append(keys[source.path], source, outcome)
                progress.advance(source, outcome)
                seconds += outcome.duration if isinstance(outcome, Annotation) else 0.0
                left -= 1
    except KeyboardInterrupt:
        pass  # the second Ctrl-C: what is in the journal stays
    finally:
        progress.end()
    return seconds, left > 0
