"""Merging of shards: the journals of the tasks of a job array become the tables of one run."""

import heapq
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from ser_batch.engine.job import Options
from ser_batch.engine.result import Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.url import redacted
from ser_batch.runs import run_json
from ser_batch.runs.journal import FIELDS, differences, outcome_from, read_record
from ser_batch.runs.lock import locked
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.run import folder_errors
from ser_batch.runs.shards import Shard, existing_shards
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import check_formats, write_tables

OPEN_FILES = 64  # beside two for each shard
NAMED = 20  # shards in a message
KEPT = ("command", "started", "platform", "counts", "audio_seconds", "wall_seconds", "exit_code")


def merge(
    folders: Sequence[Path],
    output: Path,
    formats: Sequence[str] = (),
    allow_missing: bool = False,
    any_root: bool = False,
) -> Summary:
    """Join the shards in `folders` into tables in `output`. Memory grows with the number of shards, not of files.

    Args:
        folders: output folders of `annotate --shard`.
        output: folder for the tables; may be one of `folders`.
        formats: by default those that the first shard was written in.
        allow_missing: accept missing and unfinished shards.
        any_root: the shards' recordings are one archive, mounted at different places.

    Raises:
        SerBatchError: no shards, a missing or duplicate shard, different settings, or a folder that cannot be written.
    """
    began = time.time()
    parts = _complete(folders)
    missing = _missing(parts)
    if missing and not allow_missing:
        some = ", ".join(map(str, missing[:NAMED])) + (", …" if missing[NAMED:] else "")
        raise SerBatchError(
            f"{len(missing):,} of {len(parts) + len(missing):,} shards are missing or not complete ({some}): "
            "run their tasks again, with the same command as before, or give --allow-missing"
        )
    root = _common_root(parts, any_root)
    runs = [json.loads((part.tables / "run.json").read_text()) for part in parts.values()]
    options = _options(runs[0], formats)
    check_formats(options.formats)
    summary = Summary(output, missing=len(missing))
    with folder_errors(output):
        (output / ".journal").mkdir(parents=True, exist_ok=True)
        with locked(output / ".journal" / "lock"):
            _allow_open_files(2 * len(parts) + OPEN_FILES)
            results = heapq.merge(*(_results(shard, part) for shard, part in parts.items()), key=_order)
            name = _absolute(root) if options.absolute else str
            write_tables(results, name, runs[0]["model"]["labels"], options, summary)
            summary.wall_seconds = time.time() - began
            shards = [
                {"shard": str(shard), "folder": str(part.folder), **{name: run[name] for name in KEPT}}
                for (shard, part), run in zip(parts.items(), runs, strict=True)
            ]
            document = runs[0] | run_json.environment_fields(began)
            document |= run_json.summary_fields(_of_all(summary, runs))
            document |= {"options": asdict(options), "missing": list(map(str, missing)), "parts": shards}
            run_json.save(output / "run.json", document)
    return summary


def _complete(folders: Sequence[Path]) -> dict[Shard, OutputFolder]:
    """The finished shards with their folders; checked to be of one count, each once."""
    parts: dict[Shard, OutputFolder] = {}
    for folder in folders:
        for shard in existing_shards(folder):
            part = OutputFolder(folder, shard)
            if not (part.index.exists() and (part.tables / "run.json").exists()):
                continue
            other = next(iter(parts), shard)
            if shard.count != other.count:
                raise SerBatchError(
                    f"shard {other} in {parts[other].folder} and shard {shard} in {folder} overlap: "
                    "name the folders of one job array"
                )
            if shard in parts:
                raise SerBatchError(
                    f"shard {shard} is in {parts[shard].folder} and in {folder}: name one of them"
                )
            parts[shard] = part
    if not parts:
        raise SerBatchError(
            f"no complete shards in {', '.join(map(str, folders))}: name output folders of `annotate --shard`"
        )
    return parts


def _missing(parts: dict[Shard, OutputFolder]) -> list[Shard]:
    count = next(iter(parts)).count
    everything = (Shard(i + 1, count) for i in range(count))
    return [shard for shard in everything if shard not in parts]


def _common_root(parts: dict[Shard, OutputFolder], any_root: bool) -> str:
    """The root of the first shard; checks that all have the same settings."""
    fingerprints = {shard: _fingerprint(shard, part) for shard, part in parts.items()}
    one, first = next(iter(fingerprints.items()))
    for shard, fingerprint in fingerprints.items():
        names = [name for name in differences(first, fingerprint) if not (any_root and name == "root")]
        if names:
            changes = "; ".join(
                f"{FIELDS.get(name, name)} is {first.get(name)} in shard {one}, {fingerprint.get(name)} in {shard}"
                for name in names
            )
            advice = "annotate one of them again, into another folder"
            if names == ["root"]:
                advice = "give --any-root if that is one archive, seen at different places"
            raise SerBatchError(f"the shards do not belong together ({changes}): {advice}")
    return str(first["root"])


def _fingerprint(shard: Shard, part: OutputFolder) -> dict[str, Any]:
    with part.journal.open("rb") as journal:
        fingerprint = read_record(journal, 0)
    if fingerprint is None:
        raise _damaged(shard, part)
    return fingerprint


def _options(run: dict[str, Any], formats: Sequence[str]) -> Options:
    """The options of a shard that this version knows."""
    known = {field.name for field in fields(Options)}
    options = Options(**{name: value for name, value in run["options"].items() if name in known})
    return replace(options, formats=formats or options.formats, shard=None)


def _absolute(root: str) -> Callable[[str], str]:
    above = root if root.endswith("/") else f"{root}/"  # may be a URL
    return lambda name: redacted(root if name == "." else above + name)


def _allow_open_files(n: int) -> None:
    try:
        import resource
    except ImportError:  # Windows allows 8,192
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < n:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (n if hard == resource.RLIM_INFINITY else min(n, hard), hard)
        )


def _results(shard: Shard, part: OutputFolder) -> Iterator[tuple[str, Outcome]]:
    """Name and result of each input of a shard, sorted by path, read one at a time."""
    with part.index.open() as index, part.journal.open("rb") as journal:
        for line in index:
            entry = json.loads(line)
            record = entry if isinstance(entry, dict) else read_record(journal, entry)
            if record is None or not shard.holds(record["file"]):
                raise _damaged(shard, part)
            yield record["file"], outcome_from(record)


def _order(result: tuple[str, Outcome]) -> str:
    """Sort key of a result: the root itself, named `.`, comes first."""
    return "" if result[0] == "." else result[0]


def _of_all(summary: Summary, runs: Sequence[dict[str, Any]]) -> Summary:
    """The summary with the times of all shards added."""
    return replace(
        summary,
        resumed=sum(run["counts"]["resumed"] for run in runs),
        new_audio_seconds=sum(run["new_audio_seconds"] for run in runs),
        wall_seconds=sum(run["wall_seconds"] for run in runs),
    )


def _damaged(shard: Shard, part: OutputFolder) -> SerBatchError:
    return SerBatchError(
        f"{part.journal} is damaged, or belongs to another shard than {shard}: run its task again, with --restart"
    )
