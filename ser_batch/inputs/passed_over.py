"""Counts of the files that a search in directories passes over, by suffix."""

from collections import Counter

from ser_batch.inputs.suffixes import suffix

APPLE_DOUBLE = (
    "._* of macOS"  # files with the attributes of another file, which macOS leaves on foreign disks
)
APPLE_DOUBLE_MAGIC = bytes.fromhex("00051607")
MACOS_FOLDER = "__MACOSX"  # of such files, in zip archives
MOST_SUFFIXES = 1_000  # so that memory stays flat whatever the names
LISTED = 10


def count_suffix(counts: Counter[str], path: str) -> None:
    """Count a file by its suffix."""
    kind = suffix(path) or "no suffix"
    known = kind in counts or (len(counts) < MOST_SUFFIXES and len(kind) <= 10)
    counts[kind if known else "other suffixes"] += 1


def summary_line(counts: Counter[str]) -> str:
    """Return the counts as a line, such as `14 files passed over: .flv (12), .txt (2)`; empty without any."""
    if not counts:
        return ""
    kinds = [f"{kind} ({number:,})" for kind, number in counts.most_common(LISTED)]
    more = ", …" if len(counts) > LISTED else ""
    files = "file" if counts.total() == 1 else "files"
    return f"{counts.total():,} {files} passed over: {', '.join(kinds)}{more}"
