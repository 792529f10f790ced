"""The journal: an append-only file of results, from which a run resumes and the tables are written.

A text file. The first line is the fingerprint of the settings; every other line is `crc32 json`, the result of one
file. A line that a crash cut short is ended when the journal is opened, and skipped.
"""

import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from ser_batch.engine.result import Annotation, Failure, Outcome
from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Source

SYNC_SECONDS = 2.0  # of work that a power failure may cost
# The fields of a fingerprint, as the user knows them.
FIELDS = {
    "root": "the folder of the recordings",
    "model_sha256": "the network of the model (SHA-256)",
    "calibration": "--calibration (SHA-256)",
    "results_version": "the way that ser-batch computes results (version)",
    "min_speech": "--min-speech (None: --no-voice)",
    "voice_sha256": "the voice detector (SHA-256)",
    **{name: f"--{name}" for name in ("model", "window", "hop", "denoise")},
}


class Journal:
    """A journal on disk, open for reading and appending."""

    def __init__(self, path: Path, fingerprint: dict[str, Any], any_root: bool = False):
        """Open the journal at `path`, or create it; with `any_root` it may have another root.

        Raises:
            SerBatchError: it has another fingerprint, or is no journal.
            OSError: it cannot be read or written.
        """
        self._path = path
        self._file = path.open("a+b", buffering=0)  # unbuffered: a full disk leaves nothing to be written
        self._end = self._file.seek(0, os.SEEK_END)
        self._synced = True
        self._sync_due = 0.0
        try:
            self._reader = path.open("rb")
            self._begin(fingerprint, any_root)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, fingerprint: dict[str, Any], any_root: bool) -> None:
        first = self._reader.readline()
        if len(first) == self._end and _parse(first) is None:  # new, or cut short before its first result
            self._file.truncate(0)
            self._end = 0
            self._write(fingerprint)
            with suppress(OSError):  # not every file system can
                _sync_folder(self._path.parent)
        else:
            _check(self._path, _parse(first), fingerprint, any_root)
            self._reader.seek(self._end - 1)
            if self._reader.read(1) != b"\n":
                self._write_bytes(b"\n")
        self.sync()

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Offset and record of every complete result, in the order of writing; the last one of a file counts."""
        self._reader.seek(0)
        return _records(self._reader)

    def append(self, file: str, source: Source, outcome: Outcome) -> int:
        """Append a file's result and return its offset.

        It survives a crash of this process at once, and a crash of the machine after `sync`.

        Raises:
            OSError: it cannot be written; the journal is as it was.
        """
        offset = self._end
        self._write({"file": file, "size": source.size, "mtime_ns": source.mtime_ns, **outcome.record()})
        return offset

    def outcome(self, offset: int) -> Outcome:
        """Read the result at an offset."""
        record = read_record(self._reader, offset)
        if record is None:
            raise SerBatchError(f"{self._path} has been damaged: run the same command again")
        return outcome_from(record)

    def _write(self, record: dict[str, Any]) -> None:
        body = json.dumps(record, separators=(",", ":")).encode()
        self._write_bytes(b"%08x %s\n" % (zlib.crc32(body), body))

    def _write_bytes(self, line: bytes) -> None:
        if self._synced:
            self._synced, self._sync_due = False, time.monotonic() + SYNC_SECONDS
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError:
            with suppress(OSError):  # else the next run skips the incomplete line
                self._file.truncate(self._end)
            raise
        self._end += len(line)

    def sync_when_due(self) -> None:
        """Sync if something was written `SYNC_SECONDS` ago and has not been synced; to be called often."""
        if not self._synced and time.monotonic() >= self._sync_due:
            self.sync()

    def sync(self) -> None:
        """Write everything to the disk.

        Raises:
            OSError: the disk fails.
            SerBatchError: the journal is no longer in its folder.
        """
        if not _is_at(self._path, self._file.fileno()):
            raise SerBatchError(
                f"{self._path.parent.parent} has been deleted or moved during the run: put it back, if it was moved, "
                "and run the same command again"
            )
        os.fsync(self._file.fileno())
        self._synced = True

    def close(self) -> None:
        """Close without syncing."""
        self._file.close()
        self._reader.close()


class InMemoryJournal:
    """Results in memory, for a run that writes no files."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def append(self, file: str, source: Source, outcome: Outcome) -> int:
        """Append a file's result and return its index."""
        self._outcomes.append(outcome)
        return len(self._outcomes) - 1

    def outcome(self, offset: int) -> Outcome:
        """Return the result at an index."""
        return self._outcomes[offset]

    def sync_when_due(self) -> None:
        """Do nothing."""

    sync = sync_when_due


def read_record(file: BinaryIO, offset: int) -> dict[str, Any] | None:
    """Read the record at an offset of a journal, 0 for the fingerprint; None if it is damaged."""
    file.seek(offset)
    return _parse(file.readline())


def read_journal(
    path: Path, fingerprint: dict[str, Any], any_root: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the results of a journal, if it exists, as `Journal.records` does; nothing is written.

    Raises:
        SerBatchError: it has another fingerprint, or is no journal.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        first = _parse(file.readline())
        if first is not None or file.read(1):  # else it was cut short before its first result
            _check(path, first, fingerprint, any_root)
            file.seek(0)
            yield from _records(file)


def outcome_from(record: dict[str, Any]) -> Outcome:
    """Return the result that a record holds."""
    return Failure.from_record(record) if "error" in record else Annotation.from_record(record)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of the fields in which two fingerprints differ."""
    return sorted(name for name in {*one, *other} if not _same(name, one.get(name), other.get(name)))


def _records(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    offset = len(file.readline())
    for line in file:
        record = _parse(line)
        if record is not None:
            yield offset, record
        offset += len(line)


def _check(path: Path, found: dict[str, Any] | None, wanted: dict[str, Any], any_root: bool) -> None:
    if found is None:
        raise SerBatchError(f"{path} has been damaged: begin anew with --restart")
    names = [name for name in differences(found, wanted) if not (any_root and name == "root")]
    if names:
        changes = "; ".join(
            f"{FIELDS.get(name, name)} was {found.get(name)}, is now {wanted.get(name)}" for name in names
        )
        advice = "repeat the earlier settings"
        if names == ["root"]:
            advice = "give --any-root if these are the same recordings"
        raise SerBatchError(
            f"{path.parent.parent} holds results made with other settings ({changes}): "
            f"give another folder with -o, {advice}, or begin anew with --restart"
        )


def _is_at(path: Path, file: int) -> bool:
    """Whether an open file, by its descriptor, is the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _same(field: str, before: Any, now: Any) -> bool:
    """Whether a field of the fingerprint is unchanged; a folder may have a second path."""
    if field == "root" and before and now:
        with suppress(OSError):
            return Path(before).samefile(now)
    return bool(before == now)


def _sync_folder(folder: Path) -> None:
    """Write a folder's new entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a line's record; None if it is incomplete or damaged."""
    crc, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % zlib.crc32(body):
        return None
    return json.loads(body)
