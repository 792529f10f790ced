"""Suffixes of audio files: what a search in directories takes."""

import os

from ser_batch.inputs.url import bare

# What libsndfile reads and people keep speech in.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"}
    | {".w64", ".rf64", ".au", ".snd", ".caf", ".sph", ".nist", ".voc"}
)
# What needs the extra `av`; found without it as well, so that they end up in the failures instead of nowhere.
EXTRA_SUFFIXES = frozenset(
    {".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".3ga", ".aac", ".ac3", ".amr", ".ape", ".wma", ".wv"}
    | {".webm", ".mka", ".mkv", ".avi"}
)


def suffix(path: str) -> str:
    """Return the suffix of a file name in lower case, with its dot."""
    name, dot, end = os.path.basename(bare(path) if "?" in path else path).rpartition(".")
    return dot + end.lower() if name else ""


def is_audio(path: str) -> bool:
    """Tell whether a file found in a directory is taken, by its suffix."""
    found = suffix(path)
    return found in AUDIO_SUFFIXES or found in EXTRA_SUFFIXES
