"""A folder per emotion: the deepest folder above a file that is named after an emotion is its label.

The speakers are inferred: from the level of the other folders whose folders each hold most emotions
(`anna/angry/1.wav`, `angry/anna/1.wav`), else from the file names before their first `_` or `-` (`angry/anna_1.wav`).
There must be at least two speakers, and most of them (of those in file names, all) must have at least two emotions, for
a name with one emotion is hardly a speaker. Otherwise each file counts as a speaker of its own.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import mean

from ser_batch.corpora.clips import SPEAKERS_UNKNOWN, Clip, Corpus, canonical, name_in, plain

# Folders of a ready-made split are no speakers.
_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"})
_SPEAKER = re.compile("speaker|spk|subject|actor|participant|person", re.IGNORECASE)
_NO_SPEAKER = re.compile("sentence|session|take|text|utterance|phrase|repetition|version|part", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_BY_LIST = "to state them, give a CSV with the columns file,label,speaker"
LISTED = 10

Folder = tuple[int, str]  # depth below the corpus, and name


def read(root: str, paths: Sequence[str], labels: Collection[str] = ()) -> Corpus:
    """Read the clips among the files of a folder; a file in no folder of an emotion, or of `labels`, is skipped."""
    clips: dict[str, tuple[str, str]] = {}
    others: dict[str, list[Folder]] = {}  # the folders of each clip that are no emotion
    unlabelled: dict[str, list[str]] = {}
    skipped: list[tuple[str, str]] = []
    for path in paths:
        name = name_in(path, root)
        folders = [(folder, _label(folder, labels)) for folder in name.split("/")[:-1]]
        label = next((label for _, label in reversed(folders) if label), None)
        if label is None:
            skipped.append((path, "in no folder that is named after an emotion"))
            unlabelled[path] = [folder for folder, _ in folders]
        elif name in clips:
            skipped.append((path, "another copy of the same recording is read"))
        else:
            clips[name] = (path, label)
            others[name] = [
                (depth, folder)
                for depth, (folder, label) in enumerate(folders)
                if not label and folder.lower() not in _SPLITS
            ]
    speakers, note = _speakers(list(others.values()), list(clips), [label for _, label in clips.values()])
    return Corpus(
        name=Path(root).absolute().name,
        clips=[
            Clip(path, name, label, speaker, {})
            for (name, (path, label)), speaker in zip(clips.items(), speakers or clips, strict=True)
        ],
        skipped=skipped,
        speakers_known=bool(speakers),
        notes=[*([note] if clips else []), *_unknown_folders(unlabelled)],
    )


def _label(folder: str, labels: Collection[str]) -> str | None:
    return canonical(folder) or (plain(folder) if plain(folder) in labels else None)


def _speakers(
    folders: Sequence[Sequence[Folder]], names: Sequence[str], labels: Sequence[str]
) -> tuple[list[str], str]:
    """Infer the speaker of each clip; return them (none, if that fails) and a line that says how."""
    levels = []
    for level in range(min(map(len, folders), default=0)):
        values = [each[level][1] for each in folders]
        emotions = _emotions(values, labels)
        if len(emotions) > 1 and sum(count > 1 for count in emotions.values()) > len(emotions) / 2:
            hint = sum(map(bool, map(_SPEAKER.match, emotions))) - sum(
                map(bool, map(_NO_SPEAKER.match, emotions))
            )
            above = all(each[level][0] == level for each in folders)  # the folders of emotions
            levels.append((mean(emotions.values()), hint, above, len(emotions), level))
    if levels:
        enough = 0.8 * max(levels)[0]
        rivals = [each[1:] for each in levels if each[0] >= enough]
        hint, above, number, level = max(rivals)
        values = [each[level][1] for each in folders]
        depths = {each[level][0] for each in folders}
        where = (
            f"the {_ORDINALS[min(depths)]} folder level" if max(depths) < len(_ORDINALS) else "a folder level"
        )
        note = f"speakers: {where}, {number:,} of them"
        alike = sum(each[:2] == (hint, above) for each in rivals)
        if alike > 1 or len(depths) > 1 or min(_emotions(values, labels).values()) == 1:
            note = f"{note}: a guess; {_BY_LIST}"
        return values, note
    values = [_prefix(name) for name in names]
    emotions = _emotions(values, labels)
    if "" not in emotions and len(emotions) > 1 and min(emotions.values()) > 1:
        note = f"speakers: the file names before the first _ or -, {len(emotions):,} of them: a guess; {_BY_LIST}"
        return values, note
    return [], f"speakers: not known, {SPEAKERS_UNKNOWN}; {_BY_LIST}"


def _emotions(speakers: Sequence[str], labels: Sequence[str]) -> dict[str, int]:
    """Return the number of emotions of each speaker."""
    found = defaultdict(set)
    for speaker, label in zip(speakers, labels, strict=True):
        found[speaker].add(label)
    return {speaker: len(emotions) for speaker, emotions in found.items()}


def _prefix(name: str) -> str:
    prefix, *rest = re.split("[_-]", name.rpartition("/")[2], maxsplit=1)
    return prefix if rest and not canonical(prefix) else ""


def _unknown_folders(unlabelled: dict[str, list[str]]) -> list[str]:
    """Name the folders of files without a label, which may be emotions in another language."""
    names = Counter(folders[-1] for folders in unlabelled.values() if folders)
    if not names:
        return []
    listed = ", ".join(sorted(names)[:LISTED]) + (", …" if len(names) > LISTED else "")
    files = f"{names.total():,} files lie in folders whose names are"
    if names.total() == 1:
        files = "1 file lies in a folder whose name is"
    return [f"{files} no emotion I know: {listed}; use --labels"]
