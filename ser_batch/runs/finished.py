"""Reading of finished runs: the results in the journals of an output folder, without looking for the inputs again."""

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ser_batch.engine.job import Options
from ser_batch.engine.result import Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.url import redacted
from ser_batch.runs.journal import outcome_from, read_record
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.shards import Shard

OPEN_FILES = 64  # beside two for each part


class FinishedRun:
    """A finished run, or several shards that were merged: its `run.json`, and its results."""

    def __init__(self, folder: Path):
        """Open an output folder.

        Raises:
            SerBatchError: it holds no finished run, or the folders of its shards are gone.
        """
        self.folder = folder
        try:
            self.document: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            shards = self.document.get("parts")
            self._parts = [_part(folder, each) for each in shards] if shards else [OutputFolder(folder)]
            self.labels: list[str] = self.document["model"]["labels"]
            self.options = known_options(self.document)
            self.root: str = self.document["root"]
        except FileNotFoundError:
            raise SerBatchError(
                f"{folder}: no run.json: name an output folder of `ser-batch annotate`"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise SerBatchError(
                f"{folder / 'run.json'}: damaged: run the same annotate command again"
            ) from error
        for part in self._parts:
            if not (part.index.exists() and part.journal.exists()):
                raise SerBatchError(
                    f"{part.folder}: not finished, or of an earlier version: run the same annotate command again"
                )
        allow_open_files(len(self._parts))

    def results(self) -> Iterator[tuple[str, Outcome]]:
        """Name and result of each input, sorted, read one at a time; names are relative to the root."""
        return merged_results(self._parts)

    @property
    def name(self) -> Callable[[str], str]:
        """The function from a name relative to the root to the name in the tables."""
        return absolute_name(self.root) if self.options.absolute else str


def merged_results(parts: Sequence[OutputFolder]) -> Iterator[tuple[str, Outcome]]:
    """The results of several shards as those of one run."""
    return heapq.merge(*map(_results, parts), key=_order)


def known_options(run: dict[str, Any], formats: Sequence[str] = ()) -> Options:
    """The options in a `run.json` that this version knows, without the shard."""
    known = {field.name for field in fields(Options)}
    options = Options(**{name: value for name, value in run["options"].items() if name in known})
    return replace(options, formats=formats or options.formats, shard=None)


def absolute_name(root: str) -> Callable[[str], str]:
    """The function from a name relative to the root to the whole path."""
    above = root if root.endswith("/") else f"{root}/"  # may be a URL
    return lambda name: redacted(root if name == "." else above + name)


def damaged(part: OutputFolder) -> SerBatchError:
    """The error for a journal that cannot be read."""
    whose = f", or belongs to another shard than {part.shard}" if part.shard else ""
    return SerBatchError(f"{part.journal} is damaged{whose}: run its task again, with --restart")


def _part(folder: Path, record: dict[str, Any]) -> OutputFolder:
    """A shard that was merged into `folder`; its own folder is as the merge was given it."""
    shard = Shard(*map(int, record["shard"].split("/")))
    inside = OutputFolder(folder, shard)
    return inside if inside.journal.exists() else OutputFolder(Path(record["folder"]), shard)


def _results(part: OutputFolder) -> Iterator[tuple[str, Outcome]]:
    """Name and result of each input of a run or a shard."""
    with part.index.open() as index, part.journal.open("rb") as journal:
        for line in index:
            entry = json.loads(line)
            record = entry if isinstance(entry, dict) else read_record(journal, entry)
            if record is None or not (part.shard is None or part.shard.holds(record["file"])):
                raise damaged(part)
            yield record["file"], outcome_from(record)


def _order(result: tuple[str, Outcome]) -> str:
    """Sort key of a result: the root itself, named `.`, comes first."""
    return "" if result[0] == "." else result[0]


def allow_open_files(parts: int) -> None:
    """Raise the limit of open files, where it is too low to read so many journals at once."""
    n = 2 * parts + OPEN_FILES
    try:
        import resource
    except ImportError:  # Windows allows 8,192
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < n:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (n if hard == resource.RLIM_INFINITY else min(n, hard), hard)
        )
