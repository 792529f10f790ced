"""Suffixes of the files that a search in directories finds."""

import os

from ser_batch.inputs.url import bare
from ser_batch.stretches import split

# Formats of speech recordings that libsndfile reads.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"}
    | {".w64", ".rf64", ".bwf", ".au", ".snd", ".caf", ".sph", ".nist", ".voc"}
)
# Formats that need the extra `av`. They are found without it, too: then they are failures that name the extra.
EXTRA_SUFFIXES = frozenset(
    {".m4a", ".m4b", ".3ga", ".aac", ".ac3", ".eac3", ".amr", ".ape", ".dts", ".gsm", ".mka", ".mp2", ".mpc"}
    | {".spx", ".tta", ".wma", ".wv"}
    | {".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv", ".avi", ".flv", ".f4v", ".mpg", ".mpeg", ".vob"}
    | {".ts", ".mts", ".m2ts", ".wmv", ".asf", ".ogv"}
)
SUFFIXES = AUDIO_SUFFIXES | EXTRA_SUFFIXES


def suffix(path: str) -> str:
    """Return the suffix of a file name or URL in lower case, with its dot."""
    name, dot, end = os.path.basename(bare(split(path).path)).rpartition(".")
    return dot + end.lower() if name else ""


def is_audio(path: str) -> bool:
    """Tell whether a search in directories takes a file, by its suffix."""
    return suffix(path) in SUFFIXES
