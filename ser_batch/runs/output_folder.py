"""The layout of an output folder: tables, journal, lock, and the index of a finished run."""

import json
from dataclasses import dataclass
from pathlib import Path

from ser_batch.errors import SerBatchError
from ser_batch.output.replace import Replacement
from ser_batch.runs.plan import Plan
from ser_batch.runs.shards import Shard, existing_shards


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """The paths of a run, or of one shard, in an output folder.

    The index exists when the run is finished. It has a JSON line for each input, sorted by path: the offset of the
    result in the journal, or the failure of an input that could not be found.
    """

    folder: Path
    shard: Shard | None = None

    @property
    def tables(self) -> Path:
        """Folder of the tables and of `run.json`."""
        return self.folder / "shards" / self.shard.slug if self.shard else self.folder

    @property
    def journal(self) -> Path:
        """The journal."""
        return self._hidden("journal")

    @property
    def lock(self) -> Path:
        """The file that is locked while journal and tables are written."""
        return self._hidden("lock") if self.shard else self.folder / ".journal" / "lock"

    @property
    def index(self) -> Path:
        """The index of a finished run."""
        return self._hidden("index")

    def _hidden(self, kind: str) -> Path:
        return self.folder / ".journal" / (f"shard-{self.shard.slug}.{kind}" if self.shard else f"run.{kind}")

    def create(self) -> None:
        """Create the folders.

        Raises:
            SerBatchError: the output folder holds shards of another count, whose files overlap with this one's.
            OSError: they cannot be created.
        """
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        others = existing_shards(self.folder) if self.shard else []
        if self.shard and others and others[0].count != self.shard.count:
            raise SerBatchError(
                f"{self.folder} holds shard {others[0]}, and this is shard {self.shard}: give another folder with -o; "
                f"or, if single tasks of an array are run again, --shard auto/{others[0].count} or I/{others[0].count}"
            )
        self.tables.mkdir(parents=True, exist_ok=True)

    def begin(self) -> None:
        """Mark the run as unfinished."""
        self.index.unlink(missing_ok=True)

    def finish(self, plan: Plan) -> None:
        """Mark the run as finished."""
        index = Replacement(self.index)
        for path, at in plan.entries():
            entry = at if isinstance(at, int) else {"file": plan.name(path), **at.record()}
            index.file.write(json.dumps(entry) + "\n")
        index.close()
