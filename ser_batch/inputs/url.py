"""URLs as inputs and outputs: telling them from paths, their folders, and names without secrets."""

import re
from collections.abc import Sequence
from itertools import takewhile

# What each scheme needs: an extra of this package.
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}
WEB = ("http://", "https://")

# Parameters of a query that let somebody in, and those that signers put beside them: they differ each time.
_SECRETS = re.compile(
    r"x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|key-pair-id|policy|expires"
    r"|(.*[-_])?(sig|signature|token|secret|password|passwd|pwd|credentials?|auth|authorization|key|apikey)",
    re.IGNORECASE,
)
_AZURE_SAS = re.compile(r"s[evrtpis]|s(ip|pr|rt|dd)|sk(oid|tid|[tesv])|s(ao|uo|c)id", re.IGNORECASE)
_EMBEDDED = re.compile(r"[a-z][a-z0-9+]*://\S+", re.IGNORECASE)


def is_url(path: str) -> bool:
    """Tell whether a path is a URL that is read through fsspec."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme in EXTRAS


def bare(path: str) -> str:
    """Return a path; without its query, if it is a web address."""
    return path.partition("?")[0] if path.startswith(WEB) else path


def redacted(path: str) -> str:
    """Return a path; if it is a URL, without user, password and the parameters that sign it.

    What is left names the object, today and when it has been signed anew.
    """
    if "://" not in path or ("@" not in path and "?" not in path):
        return path
    # abfs://container@account has no secret
    user = r"^([^:/]*://)[^/?#]*@" if path.startswith(WEB) else r"^([^:/]*://)[^/?#]*:[^/?#]*@"
    base, _, query = re.sub(user, r"\1", path).partition("?")
    parameters = query.split("&") if query else []
    names = [parameter.partition("=")[0] for parameter in parameters]
    signed = any(name.lower() == "sig" for name in names)
    kept = [
        parameter
        for name, parameter in zip(names, parameters, strict=True)
        if not (_SECRETS.fullmatch(name) or (signed and _AZURE_SAS.fullmatch(name)))
    ]
    return "?".join([base, *(["&".join(kept)] if kept else [])])


def redacted_text(text: str) -> str:
    """Return a text with every URL in it `redacted`."""
    return _EMBEDDED.sub(lambda found: redacted(found[0]), text) if "://" in text else text


def redacted_command(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, which may be URLs or end with one, without their secrets."""
    return [
        re.sub(r"[a-z][a-z0-9+]*://.*", lambda url: redacted(url[0]), word, flags=re.DOTALL) for word in words
    ]


def common_folder(first: str, second: str) -> str:
    """Return the deepest folder above two folders, of which one at least is a URL; empty if there is none."""
    pairs = zip(first.split("/"), second.split("/"), strict=False)
    shared = [one for one, other in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    if not is_url(first) or len(shared) < 2:
        return ""
    return "/".join(shared) if len(shared) > 2 else f"{shared[0]}//"
