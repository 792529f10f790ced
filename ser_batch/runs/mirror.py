"""An output folder in object storage: a run writes to a local one, whose files are copied there when they are whole.

The journal is copied now and then, so that another machine can go on with the run.
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

COPY_SECONDS = 60.0  # between copies of the journal; more, if these take long
COPYING_SHARE = 0.05  # of the time
STALE_SECONDS = 180.0  # after which a lock that is not renewed counts no more
AT_ONCE = 4  # files being copied


def local_folder(output: str, work_dir: str | None) -> Path:
    """The local folder for an output; of a URL, one of its own below `work_dir` or the user's cache."""
    if not is_url(output):
        return Path(output)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ser-batch" / "outputs"
    return Path(work_dir or cache) / hashlib.sha256(output.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def mirrored_output(output: str, options: Options) -> Iterator[Path]:
    """The local folder to write an output to; if that is a URL, what is written is copied there.

    Args:
        output: folder, or its URL.
        options: of the run, which shall be in this context.

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
            f"{redacted(output)}: a web address cannot be written to; name a folder or a bucket with -o"
        )
    store = _Store(output.rstrip("/"), folder, OutputFolder(folder, parse_shard(options.shard)))
    with store.lock():
        if not options.restart:
            store.fetch_journal()
        began = time.time() - 1  # the clock of a file system may be behind
        with store.copying_journal():
            try:
                yield folder
            except SerBatchError as error:
                raise type(error)(str(error).replace(str(folder), store.url)) from error
            finally:
                store.copy_journal()
        store.copy_tables(began)


class _Store:
    """The folder in the store, and its local counterpart."""

    def __init__(self, url: str, folder: Path, place: OutputFolder):
        from ser_batch.inputs import remote  # here, since few runs need it

        self.url = redacted(url)
        self._remote = remote
        self._folder = folder
        self._place = place
        self._files, self._top = remote.filesystem(url)
        self._copied = -1  # bytes of the journal

    def _path(self, local: Path) -> str:
        return f"{self._top}/{local.relative_to(self._folder).as_posix()}"

    def _call(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._remote.retried(call, *arguments)
        except Exception as error:
            kind, message = self._remote.explained(error)
            if kind == "FileNotFoundError":
                raise FileNotFoundError(self.url) from error
            raise SerBatchError(
                f"cannot use {self.url} ({message}): run the same command again; what is done is kept in {self._folder}"
            ) from error

    def _put(self, local: Path, name: Path | None = None) -> None:
        try:
            self._call(self._files.put_file, str(local), self._path(name or local))
        except FileNotFoundError:
            raise SerBatchError(f"{self.url}: no such bucket: make it, or name another with -o") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold an object that tells other runs to keep away: a courtesy, two at the same instant may miss it."""
        path = self._path(self._place.lock)
        with suppress(FileNotFoundError):
            holder = self._call(self._files.cat_file, path).decode(errors="replace")
            age = time.time() - self._call(self._files.modified, path).timestamp()
            if age < STALE_SECONDS and holder_is_running(holder):
                pid, host, since = (*holder.splitlines(), "?", "?", "?")[:3]
                raise SerBatchError(
                    f"{self.url} is being written by another run: process {pid} on {host}, since {since}: wait for it "
                    f"(if it is no more, {STALE_SECONDS:.0f} s), or give another folder with -o"
                )
        self._sign()
        try:
            yield
        finally:
            with suppress(Exception):  # it will be stale soon
                self._files.rm_file(path)

    def _sign(self) -> None:
        try:
            self._call(self._files.pipe_file, self._path(self._place.lock), holder_text().encode())
        except FileNotFoundError:
            raise SerBatchError(f"{self.url}: no such bucket: make it, or name another with -o") from None

    def fetch_journal(self) -> None:
        """Take the store's journal if there is none here, or if it is another and newer than that."""
        journal = self._place.journal
        try:
            found = self._call(self._files.info, self._path(journal))
            modified = self._call(self._files.modified, self._path(journal)).timestamp()
        except FileNotFoundError:
            return
        if journal.exists():
            here = journal.stat()
            if here.st_size == found["size"] or here.st_mtime > modified:
                return
        journal.parent.mkdir(parents=True, exist_ok=True)
        partial = journal.with_name(journal.name + ".partial")
        self._call(self._files.get_file, self._path(journal), str(partial))
        partial.replace(journal)

    @contextmanager
    def copying_journal(self) -> Iterator[None]:
        """Copy the journal, and renew the lock, every now and then."""
        ended = threading.Event()

        def copy() -> None:
            pause = COPY_SECONDS
            while not ended.wait(pause):
                began = time.monotonic()
                with suppress(Exception):  # the copy at the end will tell
                    self._sign()
                    self.copy_journal()
                pause = max(COPY_SECONDS, (time.monotonic() - began) / COPYING_SHARE)

        thread = threading.Thread(target=copy, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def copy_journal(self) -> None:
        """Copy the journal as it is now, if it has grown."""
        journal = self._place.journal
        if not journal.exists() or journal.stat().st_size == self._copied:
            return
        snapshot = journal.with_name(journal.name + ".copy")
        shutil.copyfile(journal, snapshot)
        try:
            self._put(snapshot, journal)
            self._copied = snapshot.stat().st_size
        finally:
            snapshot.unlink()

    def copy_tables(self, since: float) -> None:
        """Copy what has been written since some time, `run.json` and a shard's index last."""
        tables = self._place.tables
        new = [
            path
            for path in tables.rglob("*")
            if path.relative_to(tables).parts[0] not in (".journal", "shards")
            and path.is_file()
            and path.stat().st_mtime >= since
        ]
        last = [path for path in (tables / "run.json", self._place.index) if path.exists()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._put, (path for path in new if path not in last)))
        for path in last:
            self._put(path)
