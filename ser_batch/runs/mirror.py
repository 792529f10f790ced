"""An output folder in object storage: a run writes to a local folder, whose complete files are uploaded.

The journal is uploaded about once a minute, so another machine can resume the run.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ser_batch.engine.job import Options
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.url import WEB, is_url, redacted
from ser_batch.runs.lock import holder_is_running, holder_text
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.shards import parse_shard

UPLOAD_SECONDS = 60.0  # between two uploads of the journal; more if an upload takes long
UPLOAD_SHARE = 0.05  # of the time
STALE_SECONDS = 180.0  # after which a lock that is not renewed is ignored
PARALLEL = 4  # uploads at the same time


def local_folder(output: str, work_dir: str | None) -> Path:
    """The local folder of an output; for a URL a folder below `work_dir` or the user's cache."""
    if not is_url(output):
        return Path(output)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ser-batch" / "outputs"
    return Path(work_dir or cache) / hashlib.sha256(output.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def mirrored_output(output: str, options: Options) -> Iterator[Path]:
    """Give the local folder to write an output to; at the end of the context it is uploaded, if the output is a URL.

    Args:
        output: folder or URL.
        options: of the run inside the context.

    Raises:
        SerBatchError: the store cannot be written, or another run is writing there; what is done is kept.
        UsageError: a web address, which cannot be written to.
    """
    folder = local_folder(output, options.work_dir)
    if not is_url(output):
        yield folder
        return
    if output.startswith(WEB):
        raise UsageError(
            f"{redacted(output)}: a web address cannot be written to: name a folder or a bucket with -o"
        )
    store = _Store(output.rstrip("/"), OutputFolder(folder, parse_shard(options.shard)))
    with store.lock():
        if not options.restart:
            store.fetch_journal()
        began = time.time() - 1  # the clock of a file system may be behind
        with store.uploading_journal():
            try:
                yield folder
            except SerBatchError as error:
                raise type(error)(str(error).replace(str(folder), store.url)) from error
            finally:
                store.upload_journal()
        store.upload_tables(began)


class _Store:
    """The folder in the store, and the local folder."""

    def __init__(self, url: str, output: OutputFolder):
        from ser_batch.inputs import remote  # here, since few runs need it

        self.url = redacted(url)
        self._remote = remote
        self._output = output
        self._files, self._top = remote.filesystem(url)
        self._uploaded = -1  # bytes of the journal

    def _path(self, local: Path) -> str:
        return f"{self._top}/{local.relative_to(self._output.folder).as_posix()}"

    def _call(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._remote.retried(call, *arguments)
        except Exception as error:
            kind, message = self._remote.explained(error)
            if kind == "FileNotFoundError":
                raise FileNotFoundError(self.url) from error
            raise SerBatchError(
                f"cannot use {self.url} ({message}): run the same command again; "
                f"what is done is kept in {self._output.folder}"
            ) from error

    def _put(self, local: Path, name: Path | None = None) -> None:
        self._write(self._files.put_file, str(local), self._path(name or local))

    def _sign(self) -> None:
        self._write(self._files.pipe_file, self._path(self._output.lock), holder_text().encode())

    def _write(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._call(call, *arguments)
        except FileNotFoundError:
            raise SerBatchError(f"{self.url}: no such bucket: make it, or name another with -o") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold a lock object. Stores have no real locks: two runs that start at the same moment may miss it."""
        path = self._path(self._output.lock)
        with suppress(FileNotFoundError):
            holder = self._call(self._files.cat_file, path).decode(errors="replace")
            age = time.time() - self._call(self._files.modified, path).timestamp()
            if age < STALE_SECONDS and holder_is_running(holder):
                pid, host, since = (*holder.splitlines(), "?", "?", "?")[:3]
                raise SerBatchError(
                    f"{self.url} is being written by another run: process {pid} on {host}, since {since}: wait for it "
                    f"(if it no longer runs, {STALE_SECONDS:.0f} s), or give another folder with -o"
                )
        self._sign()
        try:
            yield
        finally:
            with suppress(Exception):  # it becomes stale
                self._files.rm_file(path)

    def fetch_journal(self) -> None:
        """Download the store's journal if there is no local one, or if it differs and is newer."""
        journal = self._output.journal
        try:
            found = self._call(self._files.info, self._path(journal))
            modified = self._call(self._files.modified, self._path(journal)).timestamp()
        except FileNotFoundError:
            return
        if journal.exists():
            local = journal.stat()
            if local.st_size == found["size"] or local.st_mtime > modified:
                return
        journal.parent.mkdir(parents=True, exist_ok=True)
        partial = journal.with_name(journal.name + ".partial")
        self._call(self._files.get_file, self._path(journal), str(partial))
        partial.replace(journal)

    @contextmanager
    def uploading_journal(self) -> Iterator[None]:
        """Upload the journal and renew the lock, repeatedly, in a thread."""
        ended = threading.Event()

        def upload() -> None:
            pause = UPLOAD_SECONDS
            while not ended.wait(pause):
                began = time.monotonic()
                with suppress(Exception):  # the upload at the end reports it
                    self._sign()
                    self.upload_journal()
                pause = max(UPLOAD_SECONDS, (time.monotonic() - began) / UPLOAD_SHARE)

        thread = threading.Thread(target=upload, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def upload_journal(self) -> None:
        """Upload the journal, if it has grown."""
        journal = self._output.journal
        if not journal.exists() or journal.stat().st_size == self._uploaded:
            return
        snapshot = journal.with_name(journal.name + ".copy")
        shutil.copyfile(journal, snapshot)
        try:
            self._put(snapshot, journal)
            self._uploaded = snapshot.stat().st_size
        finally:
            snapshot.unlink()

    def upload_tables(self, since: float) -> None:
        """Upload the files written since a time; the mark of completeness last: `run.json`, or a shard's index."""
        tables = self._output.tables
        new = [
            path
            for path in tables.rglob("*")
            if path.relative_to(tables).parts[0] not in (".journal", "shards")
            and path.is_file()
            and path.stat().st_mtime >= since
        ]
        markers = [self._output.index, tables / "run.json"]
        if self._output.shard:
            markers.reverse()
        last = [path for path in markers if path.exists()]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._put, (path for path in new if path not in last)))
        for path in last:
            self._put(path)
