"""Merging of shards: the journals of the tasks of a job array become the tables of one run."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ser_batch.errors import SerBatchError
from ser_batch.runs import run_json
from ser_batch.runs.adapting import Calibration, adapted_results, calibration_in_use, check_options
from ser_batch.runs.finished import absolute_name, allow_open_files, damaged, known_options, merged_results
from ser_batch.runs.journal import FIELDS, differences, read_record
from ser_batch.runs.lock import locked
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.run import folder_errors
from ser_batch.runs.shards import Shard, existing_shards
from ser_batch.runs.summary import Summary
from ser_batch.runs.tables import check_formats, write_tables

NAMED = 20  # shards in a message
KEPT = ("command", "started", "platform", "counts", "audio_seconds", "wall_seconds", "exit_code")


def merge(
    folders: Sequence[Path],
    output: Path,
    formats: Sequence[str] = (),
    allow_missing: bool = False,
    any_root: bool = False,
    adapt: bool = False,
    adapt_by: str | None = None,
    expect: str | None = None,
) -> Summary:
    """Join the shards in `folders` into tables in `output`. Memory grows with the number of shards, not of files.

    Args:
        folders: output folders of `annotate --shard`.
        output: folder for the tables; may be one of `folders`.
        formats: by default those that the first shard was written in.
        allow_missing: accept missing and unfinished shards.
        any_root: the shards' recordings are one archive, mounted at different places.
        adapt: adapt the probabilities to the archive, as for `annotate`; by default as the first shard was told.
        adapt_by: as for `annotate`.
        expect: as for `annotate`.

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
    options = known_options(runs[0], formats)
    if adapt or adapt_by or expect:
        options = replace(options, adapt=adapt, adapt_by=adapt_by, expect=expect)
    options = replace(options, stretches=any(run["options"].get("stretches") for run in runs))
    options = replace(options, calibration=None)  # its file may be gone; the shards have recorded it
    model, labels = runs[0]["model"], runs[0]["model"]["labels"]
    check_options(options, model)
    check_formats(options.formats)
    passed_over = Counter(runs[0].get("passed_over", {}))  # the search of each shard finds all files
    summary = Summary(output, missing=len(missing), passed_over=passed_over)
    with folder_errors(output):
        (output / ".journal").mkdir(parents=True, exist_ok=True)
        with locked(output / ".journal" / "lock"):
            allow_open_files(len(parts))
            recorded = runs[0].get("calibration")
            calibration = calibration_in_use(output, options, model) or (
                Calibration.from_record(recorded) if recorded else None
            )
            name = absolute_name(root) if options.absolute else str
            results, adapted = adapted_results(
                lambda: merged_results(list(parts.values())), str, labels, options, calibration
            )
            write_tables(results, name, labels, options, summary)
            summary.wall_seconds = time.time() - began
            shards = [
                {"shard": str(shard), "folder": str(part.folder), **{name: run[name] for name in KEPT}}
                for (shard, part), run in zip(parts.items(), runs, strict=True)
            ]
            document = runs[0] | run_json.environment_fields(began)
            document |= run_json.summary_fields(_of_all(summary, runs))
            document |= {"options": asdict(options), "missing": list(map(str, missing)), "parts": shards}
            document.pop("calibration", None)
            document |= adapted
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
    fingerprints = {shard: _fingerprint(part) for shard, part in parts.items()}
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


def _fingerprint(part: OutputFolder) -> dict[str, Any]:
    with part.journal.open("rb") as journal:
        fingerprint = read_record(journal, 0)
    if fingerprint is None:
        raise damaged(part)
    return fingerprint


def _of_all(summary: Summary, runs: Sequence[dict[str, Any]]) -> Summary:
    """The summary with the times of all shards added."""
    return replace(
        summary,
        resumed=sum(run["counts"]["resumed"] for run in runs),
        new_audio_seconds=sum(run["new_audio_seconds"] for run in runs),
        wall_seconds=sum(run["wall_seconds"] for run in runs),
    )
