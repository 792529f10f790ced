"""Remote stores through fsspec: search for objects, retries, and messages for their errors."""

import base64
import errno
import hashlib
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ser_batch.errors import SerBatchError
from ser_batch.inputs.sources import Found, Source, Unreadable
from ser_batch.inputs.suffixes import is_audio
from ser_batch.inputs.url import EXTRAS, WEB, bare, redacted, redacted_text
from ser_batch.stretches import split

# Seconds between tries, times 0.5 to 1.5; the clients of some stores retry as well.
PAUSES = (0.5, 1.0, 2.0, 4.0)
AT_ONCE = 32  # parallel requests about single objects
NOT_FOUND, FORBIDDEN = {404, 410}, {401, 403}
RETRIED = {408, 425, 429}  # client errors that may pass, as all server errors may
REPEATING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Properties that change with an object, the most reliable first; stores have different names for them.
STAMPS = ("md5Hash", "ETag", "etag", "LastModified", "last_modified", "Last-Modified", "mtime")

Result = TypeVar("Result")


def find(
    urls: Sequence[str],
    wanted: Callable[[str], bool],
    reached: Callable[[str], bool],
    pass_over: Callable[[str], None],
) -> Iterator[Found]:
    """Find the objects that URLs name, and the audio files in the folders that URLs name.

    A web address that ends in `/` is a folder, which holds what its page links to. Folders are listed page by page
    (S3) or folder by folder: memory does not grow with the number of objects. Sizes are those of the store; the
    mtime is a `stamp`.

    Args:
        urls: with a scheme of `EXTRAS`.
        wanted: tells by its name whether to take a named object.
        reached: tells by its path relative to the folder whether to take an object of a folder.
        pass_over: called with the relative path of each object of a folder that is no audio file.
    """
    named = []
    for url in urls:
        if is_folder(url):
            yield from _in_folder(url, reached, pass_over)
        elif wanted(bare(split(url).path).rpartition("/")[2]):
            named.append(url)
    yield from _described(named)


def folder_of(url: str) -> str:
    """Return the folder of an object, or the URL itself if it is a folder; without secrets and final slash."""
    url = split(url).path
    base = bare(redacted(url)).rstrip("/")
    return base if is_folder(url) else base.rpartition("/")[0]


def is_folder(url: str) -> bool:
    """Tell whether a URL names a folder; asks the store only if slash and suffix do not tell."""
    if url.endswith("/") or "/" not in url.partition("://")[2]:
        return True
    if is_audio(url) or url.startswith(WEB):
        return False
    try:
        return bool(retried(info, url)["type"] == "directory")
    except SerBatchError:
        raise
    except Exception:  # reported later, as an object that cannot be read
        return False


def filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path of the object in it.

    Raises:
        SerBatchError: packages are missing.
    """
    scheme = url.partition("://")[0]
    try:
        from fsspec import get_filesystem_class

        kind: Any = get_filesystem_class(scheme)
    except ImportError as error:
        needed = f"pip install 'ser-batch[{EXTRAS[scheme]}]'"
        raise SerBatchError(f"{redacted(url)}: packages are missing ({error}): {needed}") from error
    options = {"use_listings_cache": False, **_options(scheme), **kind._get_kwargs_from_urls(url)}
    return kind(**options), kind._strip_protocol(url)


def _options(scheme: str) -> dict[str, Any]:
    """Limit the time of a stalled connection and the memory of a large object."""
    if EXTRAS[scheme] == "s3":
        return {"max_concurrency": 1}  # parts of an object in memory
    if EXTRAS[scheme] == "http":
        from aiohttp import ClientTimeout

        timeout = ClientTimeout(total=None, sock_connect=15, sock_read=30)
        return {
            "client_kwargs": {"timeout": timeout, "trust_env": True},
            "headers": {"Accept-Encoding": "identity"},
        }
    return {}


def info(url: str) -> dict[str, Any]:
    """Return what the store says of an object or a folder."""
    files, path = filesystem(url)
    found: dict[str, Any] = files.info(path)
    return found


def retried(call: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
    """Call until it succeeds, with growing pauses; an error that would repeat is raised at once."""
    for pause in PAUSES:
        try:
            return call(*arguments, **options)
        except Exception as error:
            if _repeats(error):
                raise
        time.sleep(pause * random.uniform(0.5, 1.5))
    return call(*arguments, **options)


def stamp(found: dict[str, Any]) -> int:
    """Return a number that changes with an object, from `info` or a listing; 0 if the store has no such property."""
    value = next((found[name] for name in STAMPS if found.get(name)), None)
    return 0 if value is None else int.from_bytes(hashlib.sha256(str(value).encode()).digest()[:7])


def md5_of(found: dict[str, Any]) -> str | None:
    """Return the MD5 of an object in hexadecimal digits, if `info` has one; an ETag may only look like an MD5."""
    encoded = found.get("md5Hash") or found.get("Content-MD5")
    if encoded:
        return base64.b64decode(encoded).hex()
    tag = re.fullmatch(r'"?([0-9a-f]{32})"?', found.get("ETag") or "")
    return tag and tag[1]


def explained(error: BaseException) -> tuple[str, str]:
    """Return the class name and the message of an error for the user, without secrets."""
    status, inner = _status(error), _chain(error)[-1]
    code = f" ({status})" if status else ""
    if status in NOT_FOUND or (not status and isinstance(inner, FileNotFoundError)):
        return "FileNotFoundError", f"no such object{code}"
    if status in FORBIDDEN or (not status and isinstance(inner, PermissionError)):
        return "PermissionError", f"access denied{code}: check the credentials in the environment"
    kind = type(inner).__name__
    if getattr(inner, "errno", 0) in NO_ROOM:
        return kind, "no space for a local copy: set TMPDIR to a folder with more"
    if status:
        return kind, f"the store answered {status}" + ("" if _repeats(error) else ", several times")
    return kind, redacted_text(str(inner)) or kind


def _repeats(error: BaseException) -> bool:
    """Tell whether the same call would fail again."""
    status = _status(error)
    if status:
        return 400 <= status < 500 and status not in RETRIED
    chain = _chain(error)
    no_credentials = any("Credential" in type(each).__name__ for each in chain)
    return no_credentials or isinstance(error, SerBatchError) or isinstance(chain[-1], REPEATING)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status in an error of any store's client."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore
            return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
        names = ("status", "status_code", *(["code"] if type(each).__name__ == "HttpError" else []))
        for value in (getattr(each, name, None) for name in names):  # aiohttp's, Azure's, gcsfs's
            if isinstance(value, int):
                return value
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and its causes; without KeyErrors, which file systems raise inside."""
    chain: list[BaseException] = []
    each: BaseException | None = error
    while each and each not in chain:
        chain.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return [each for each in chain if not isinstance(each, KeyError)] or chain


def _in_folder(url: str, reached: Callable[[str], bool], pass_over: Callable[[str], None]) -> Iterator[Found]:
    top = url.rstrip("/") + "/"
    empty = True
    unknown: list[str] = []
    try:
        for found in _listed(url):
            empty = False
            if isinstance(found, Unreadable):
                yield found
                continue
            name = found["name"]
            if not is_audio(name):
                pass_over(bare(name[len(top) :]))
            if not is_audio(name) or not reached(bare(name[len(top) :])):
                continue
            if found["size"] is None:
                unknown.append(name)
            else:
                yield Source(name, found["size"], stamp(found))
        if empty:
            raise FileNotFoundError
    except SerBatchError:
        raise
    except Exception as error:
        yield _unlisted(url, error, "the folder could not be listed" + ("" if empty else " to its end"))
    yield from _described(unknown)


def _unlisted(url: str, error: Exception, what: str) -> Unreadable:
    kind, message = explained(error)
    return Unreadable(redacted(url), kind, f"{message}: {what}")


def _listed(url: str) -> Iterator[dict[str, Any] | Unreadable]:
    """List the objects in a folder, at any depth, and the folders that cannot be listed; `name` is the URL."""
    files, top = filesystem(url)
    top = top.rstrip("/")
    if hasattr(files, "call_s3"):  # its `find` would keep all objects in memory
        scheme = url.partition("://")[0]
        bucket, prefix, _ = files.split_path(top)
        asked = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else "", **files.req_kw}
        while True:
            page = retried(files.call_s3, "list_objects_v2", **asked)
            for found in page.get("Contents", []):
                yield {**found, "name": f"{scheme}://{bucket}/{found['Key']}", "size": found["Size"]}
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]
    folders, met = [top], {top}
    while folders:
        folder = folders.pop()
        try:
            listing = retried(files.ls, folder, detail=True)
        except Exception as error:
            yield _unlisted(url.rstrip("/") + folder[len(top) :], error, "the folder could not be listed")
            continue
        for found in listing:
            name = found["name"].rstrip("/")
            if not name.startswith(top + "/") or name in met:  # a link out of the folder, or to itself
                continue
            if url.startswith(WEB) and not {"", ".", ".."}.isdisjoint(name[len(top) + 1 :].split("/")):
                continue
            if found["type"] == "directory":
                met.add(name)
                folders.append(found["name"])
            else:
                yield {**found, "name": url.rstrip("/") + name[len(top) :]}


def _described(urls: Iterable[str]) -> Iterator[Found]:
    """Ask the store for size and time of named objects."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(_described_one, urls)


def _described_one(url: str) -> Found:
    try:
        found = retried(info, split(url).path)
    except SerBatchError:
        raise
    except Exception as error:
        return Unreadable(redacted(url), *explained(error))
    if found["type"] == "directory":
        return Unreadable(redacted(url), "IsADirectoryError", "a folder: end its URL with /")
    return Source(url, found["size"] or 0, stamp(found))
