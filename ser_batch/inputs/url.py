"""URLs of inputs and outputs: recognition, common folder, and removal of secrets."""

import re
from collections.abc import Sequence
from itertools import takewhile

from ser_batch.stretches import is_stretch, split, with_file

# The extra of this package that each scheme needs.
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}
WEB = ("http://", "https://")

# Query parameters with credentials, and those beside a signature, which differ each time.
_SECRETS = (
    r"x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|key-pair-id|policy|expires"
    r"|(.*[-_])?(sig|signature|token|secret|password|passwd|pwd|credentials?|auth|authorization|key|apikey)"
)
_AZURE_SAS = r"s[evrtpis]|s(ip|pr|rt|dd)|sk(oid|tid|[tesv])|s(ao|uo|c)id"
_EMBEDDED = re.compile(r"[a-z][a-z0-9+]*://\S+", re.IGNORECASE)


def is_url(path: str) -> bool:
    """Tell whether a path is a URL of a scheme in `EXTRAS`."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme in EXTRAS


def bare(path: str) -> str:
    """Return a path; a web address without its query."""
    return path.partition("?")[0] if path.startswith(WEB) else path


def redacted(path: str) -> str:
    """Return a path; a URL without user, password and signature.

    The result names the object, and stays the same when the URL is signed again.
    """
    if "://" not in path or ("@" not in path and "?" not in path):
        return path
    if is_stretch(path):
        return with_file(path, redacted(split(path).path))
    # `abfs://container@account` has no password: the part before @ stays
    user = r"^([^:/]*://)[^/?#]*@" if path.startswith(WEB) else r"^([^:/]*://)[^/?#]*:[^/?#]*@"
    base, _, query = re.sub(user, r"\1", path).partition("?")
    parameters = [(each, each.partition("=")[0]) for each in query.split("&")]
    signed = any(name.lower() == "sig" for _, name in parameters)
    secret = re.compile(f"{_SECRETS}|{_AZURE_SAS}" if signed else _SECRETS, re.IGNORECASE)
    kept = "&".join(each for each, name in parameters if not secret.fullmatch(name))
    return f"{base}?{kept}" if kept else base


def redacted_text(text: str) -> str:
    """Return a text with each URL in it redacted."""
    return _EMBEDDED.sub(lambda found: redacted(found[0]), text) if "://" in text else text


def redacted_command(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with each URL redacted, also in `--option=URL`."""
    return [
        re.sub(r"[a-z][a-z0-9+]*://.*", lambda url: redacted(url[0]), word, flags=re.DOTALL) for word in words
    ]


def common_folder(first: str, second: str) -> str:
    """Return the deepest common folder of two folders, at least one of them a URL; empty if there is none."""
    pairs = zip(first.split("/"), second.split("/"), strict=False)
    shared = [one for one, other in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    if not is_url(first) or len(shared) < 2:
        return ""
    return "/".join(shared) if len(shared) > 2 else f"{shared[0]}//"
