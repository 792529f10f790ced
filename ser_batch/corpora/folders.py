"""A folder per emotion: the deepest folder above a file that is named after an emotion labels it.

Speakers are not stated by such a corpus; they are inferred, first from the other folders on the way
(`anna/angry/1.wav`, `angry/anna/1.wav`), then from what stands before the first `_` or `-` of the file names
(`angry/anna_1.wav`). Either is believed if there are at least two speakers and each of them has at least two
emotions, for a name that goes with one emotion alone is hardly a speaker's. Otherwise each file counts as a
speaker of its own, and the corpus says so (`speakers_known`).
"""

import re
from collections.abc import Sequence
from pathlib import Path

from ser_batch.corpora.clips import Clip, Corpus, canonical, name_in

# Folders of a ready-made split lie where a speaker's folder would.
_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"})


def read(root: str, paths: Sequence[str]) -> Corpus:
    """Read the clips among the files of a folder; a file under no emotion's folder is skipped."""
    clips: dict[str, tuple[str, str]] = {}
    skipped: list[tuple[str, str]] = []
    for path in paths:
        name = name_in(path, root)
        label = next(filter(None, map(canonical, reversed(name.split("/")[:-1]))), None)
        if label is None:
            skipped.append((path, "in no folder that is named after an emotion"))
        elif name in clips:
            skipped.append((path, "another copy of the same recording is read"))
        else:
            clips[name] = (path, label)
    labels = [label for _, label in clips.values()]
    candidates = ([_folder_speaker(name) for name in clips], [_prefix_speaker(name) for name in clips])
    speakers = next((found for found in candidates if _are_speakers(found, labels)), None)
    return Corpus(
        name=Path(root).absolute().name,
        clips=[
            Clip(path, name, label, speaker, {})
            for (name, (path, label)), speaker in zip(clips.items(), speakers or clips, strict=True)
        ],
        skipped=skipped,
        speakers_known=speakers is not None,
    )


def _folder_speaker(name: str) -> str:
    folders = name.split("/")[:-1]
    return "/".join(folder for folder in folders if not canonical(folder) and folder.lower() not in _SPLITS)


def _prefix_speaker(name: str) -> str:
    prefix, *rest = re.split("[_-]", name.rpartition("/")[2], maxsplit=1)
    return prefix if rest and not canonical(prefix) else ""


def _are_speakers(speakers: Sequence[str], labels: Sequence[str]) -> bool:
    emotions: dict[str, set[str]] = {}
    for speaker, label in zip(speakers, labels, strict=True):
        emotions.setdefault(speaker, set()).add(label)
    return "" not in emotions and len(emotions) > 1 and all(len(found) > 1 for found in emotions.values())
