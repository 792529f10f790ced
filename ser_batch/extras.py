"""Extras: the optional packages of each, and the error where they are missing."""

from importlib.util import find_spec

from ser_batch.errors import UsageError

# names for `import`, the packages are in pyproject.toml
EXTRAS = {
    "train": ("tensorflow", "librosa", "noisereduce", "matplotlib", "anyascii"),
    "explore": ("librosa", "noisereduce", "matplotlib", "anyascii"),
    "noisereduce": ("noisereduce",),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
}


def require(purpose: str, extra: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Raises:
        UsageError: one is missing; the message has the command that installs it.
    """
    missing = [package for package in EXTRAS[extra] if find_spec(package) is None]
    if missing:
        names = ", ".join(missing)
        raise UsageError(
            f"{purpose} needs packages that are not installed ({names}): pip install 'ser-batch[{extra}]'"
        )
