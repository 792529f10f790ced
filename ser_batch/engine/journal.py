"""The journal: an append-only record of finished files, from which a run resumes and its tables are written.

One text file. Its first line holds the fingerprint of the settings that made the results; every other line
is `crc32 json`, the result of one file. A line that a crash cut short is dropped when the journal is opened.
"""

import json
import os
import time
import zlib
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from ser_batch.corpus.find import Source
from ser_batch.engine.result import Annotation, Failure
from ser_batch.errors import SerBatchError

SYNC_SECONDS = 2.0

Outcome = Annotation | Failure


class Journal:
    """Results on disk, and in memory where each file's record lies."""

    def __init__(self, path: Path, fingerprint: dict[str, Any]):
        """Open the journal at `path`, or begin it.

        Raises:
            SerBatchError: it holds the results of other settings, or is no journal.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a+b")
        self._offsets: dict[str, int] = {}
        self._synced = time.monotonic()
        self._load(fingerprint)

    def _load(self, fingerprint: dict[str, Any]) -> None:
        self._file.seek(0)
        end = 0
        for line in self._file:
            record = _parse(line)
            if record is None:
                break
            if end == 0:
                self._check(record, fingerprint)
            else:
                self._offsets[record["file"]] = end
            end += len(line)
        self._file.truncate(end)
        if end == 0:
            self._write(fingerprint)

    def _check(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        if names:
            self._file.close()
            changes = "; ".join(f"{name} was {found.get(name)}, is now {wanted.get(name)}" for name in names)
            raise SerBatchError(
                f"{self._path.parent.parent} holds results made with other settings ({changes}): "
                "give another folder with -o, repeat the earlier settings, or begin anew with --restart"
            )

    def finished(self, key: str, source: Source, retry_failed: bool = False) -> bool:
        """Whether the file's result is here and the file has not changed since."""
        if key not in self._offsets:
            return False
        record = self._record(key)
        if [record["size"], record["mtime_ns"]] != [source.size, source.mtime_ns]:
            return False
        return not (retry_failed and "error" in record)

    def append(self, key: str, source: Source, outcome: Outcome) -> None:
        """Record a file's result: safe from a crash of this process at once, of the machine within seconds."""
        self._offsets[key] = self._file.seek(0, os.SEEK_END)
        result = (
            outcome.record()
            if isinstance(outcome, Annotation)
            else {"stage": outcome.stage, "error": outcome.error, "message": outcome.message}
        )
        self._write({"file": key, "size": source.size, "mtime_ns": source.mtime_ns, **result})
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def results(self, keys: Set[str]) -> Iterator[tuple[str, Outcome]]:
        """The results of `keys`, sorted by file; read from disk one at a time."""
        for key in sorted(self._offsets.keys() & keys):
            record = self._record(key)
            if "error" in record:
                yield key, Failure(record["stage"], record["error"], record["message"])
            else:
                yield key, Annotation.from_record(record)

    def _record(self, key: str) -> dict[str, Any]:
        self._file.seek(self._offsets[key])
        record = _parse(self._file.readline())
        if record is None:
            raise SerBatchError(f"{self._path} has been damaged: begin anew with --restart")
        return record

    def _write(self, record: dict[str, Any]) -> None:
        body = json.dumps(record, separators=(",", ":")).encode()
        self._file.write(b"%08x %s\n" % (zlib.crc32(body), body))
        self._file.flush()

    def sync(self) -> None:
        """Have everything written so far on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self._file.close()


def _parse(line: bytes) -> dict[str, Any] | None:
    """A line's record; None when it is torn."""
    crc, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % zlib.crc32(body):
        return None
    return json.loads(body)
