"""Local copies of objects in stores, for decoders, which want files; the next one is fetched meanwhile."""

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

# So that one object at a time is in memory, and a part of it only; stores' clients call it differently.
ONE_STREAM = {"s3": {"max_concurrency": 1}, "azure": {"max_concurrency": 1}, "gcs": {"concurrency": 1}}
SECONDS_BETWEEN_BEATS = 0.1


class TransferError(OSError):
    """What came is not what the store says the object is."""


class Spool:
    """Fetches objects, one ahead. The copies have no names: when the process ends, however it does, they are gone."""

    def __init__(self) -> None:
        self._ahead: _Download | None = None
        self._no_md5: set[str] = set()  # buckets whose ETags look like it, and are not (SSE-KMS)

    def expect(self, url: str) -> None:
        """Begin to fetch what will be asked for next."""
        if not (self._ahead and self._ahead.url == url):
            self._ahead = _Download(url, self._no_md5)

    @contextmanager
    def local(self, url: str, alive: Callable[[], None]) -> Iterator[str]:
        """The path of a copy of an object, as long as the context lasts.

        Args:
            url: of the object.
            alive: called while bytes keep coming.

        Raises:
            Exception: whatever the store's client says, for good, or after several tries.
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
    """An object on its way into a file; ends with an `error` or without."""

    def __init__(self, url: str, no_md5: set[str]):
        super().__init__(daemon=True)
        self.url = url
        self.file = _temporary_file()
        self.path = f"/proc/self/fd/{self.file.fileno()}"
        self.error: Exception | None = None
        self._tries = 0
        self._no_md5 = no_md5
        self._came_before = ""
        self.start()

    def run(self) -> None:
        try:
            remote.retried(self._fetch)
        except Exception as error:
            self.error = error

    def wait(self, alive: Callable[[], None]) -> None:
        """Wait for its end; a sign of life for what has come since the last one, since a client may hang."""
        seen = (0, 0)
        while self.is_alive():
            if seen != (now := (self._tries, self._size())):
                seen = now
                alive()
            self.join(SECONDS_BETWEEN_BEATS)
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
            raise TransferError(f"{self._size():,} of {before['size']:,} bytes came")
        if self._is_sound(remote.md5_of(before)):
            return
        if remote.stamp(files.info(path)) != remote.stamp(before):
            raise TransferError(
                "it changed while it was read: run the same command again when it is complete"
            )

    def _is_sound(self, md5: str | None) -> bool:
        """Whether the copy is known to be the object. If it is twice the same, but another, the MD5 was none."""
        bucket = self.url.split("/")[2]
        if not md5 or bucket in self._no_md5:
            return False
        self.file.seek(0)
        came = hashlib.file_digest(self.file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if came == md5:
            return True
        if came != self._came_before:
            self._came_before = came
            raise TransferError(f"it came with the MD5 {came} instead of {md5}")
        self._no_md5.add(bucket)
        return False

    def _size(self) -> int:
        return os.fstat(self.file.fileno()).st_size
