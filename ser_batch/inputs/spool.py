"""Local copies of remote objects for the decoders; the next object is fetched in advance."""

import hashlib
import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ser_batch.errors import SerBatchError
from ser_batch.inputs import remote
from ser_batch.inputs.url import EXTRAS

# One part of one object at a time in memory; the clients of the stores have different names for it.
ONE_STREAM = {"s3": {"max_concurrency": 1}, "azure": {"max_concurrency": 1}, "gcs": {"concurrency": 1}}
POLL_SECONDS = 0.1


class TransferError(OSError):
    """The copy differs from the object that the store describes."""


class Spool:
    """Fetches objects, one in advance. The copies are files without names: they vanish when the process ends."""

    def __init__(self) -> None:
        self._ahead: _Download | None = None
        self._no_md5: set[str] = set()  # buckets whose ETags only look like an MD5 (SSE-KMS)

    def expect(self, url: str) -> None:
        """Begin to fetch the object that `local` will be called with next."""
        if not (self._ahead and self._ahead.url == url):
            self._ahead = _Download(url, self._no_md5)

    @contextmanager
    def local(self, url: str, alive: Callable[[], None]) -> Iterator[str]:
        """Context with the path of a local copy of an object.

        Args:
            url: URL of the object.
            alive: called while bytes arrive.

        Raises:
            Exception: the error of the store's client, after several tries if it may pass.
        """
        self.expect(url)
        download, self._ahead = self._ahead, None
        assert download
        download.wait(alive)
        with download.file:
            yield download.path


def _temporary_file() -> io.FileIO:
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError as error:
        place = tempfile.gettempdir()
        raise SerBatchError(f"cannot write to {place} ({error.strerror}): set TMPDIR") from None


class _Download(threading.Thread):
    """Copies an object into a file; `error` is set if that failed."""

    def __init__(self, url: str, no_md5: set[str]):
        super().__init__(daemon=True)
        self.url = url
        self.file = _temporary_file()
        self.path = f"/proc/self/fd/{self.file.fileno()}"
        self.error: Exception | None = None
        self._tries = 0
        self._no_md5 = no_md5
        self._previous = ""
        self.start()

    def run(self) -> None:
        try:
            remote.retried(self._fetch)
        except Exception as error:
            self.error = error

    def wait(self, alive: Callable[[], None]) -> None:
        """Wait for the end; `alive` is called only when bytes have arrived, since a client may hang."""
        seen = (0, 0)
        while self.is_alive():
            if seen != (now := (self._tries, self._size())):
                seen = now
                alive()
            self.join(POLL_SECONDS)
        if self.error:
            self.file.close()
            raise self.error

    def _fetch(self) -> None:
        self._tries += 1
        files, path = remote.filesystem(self.url)
        before = files.info(path)
        kind = EXTRAS[self.url.partition("://")[0]]
        files.get_file(path, self.path, **ONE_STREAM.get(kind, {}))
        if before["size"] not in (None, self._size()):
            raise TransferError(
                f"{self._size():,} of {before['size']:,} bytes arrived: run the same command again with --retry-failed"
            )
        if self._is_sound(remote.md5_of(before)):
            return
        if remote.stamp(files.info(path)) != remote.stamp(before):
            raise TransferError(
                "it changed while it was read: run the same command again when it is complete"
            )

    def _is_sound(self, md5: str | None) -> bool:
        """Compare the copy with the MD5; if two copies are equal and differ from it, it was no MD5."""
        bucket = self.url.split("/")[2]
        if not md5 or bucket in self._no_md5:
            return False
        self.file.seek(0)
        came = hashlib.file_digest(self.file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if came == md5:
            return True
        if came != self._previous:
            self._previous = came
            raise TransferError(f"its MD5 is {came} instead of {md5}: copy it to the store again")
        self._no_md5.add(bucket)
        return False

    def _size(self) -> int:
        return os.fstat(self.file.fileno()).st_size
