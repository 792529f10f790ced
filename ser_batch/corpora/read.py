"""Reading of a labelled corpus: a known corpus, a folder per emotion, or a CSV."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ser_batch.corpora import crema_d, csv_list, emo_db, folders, ravdess, savee, tess
from ser_batch.corpora.attributes import with_attributes
from ser_batch.corpora.clips import LABELS, Clip, Corpus, name_in, stem
from ser_batch.errors import SerBatchError
from ser_batch.inputs.find import find
from ser_batch.inputs.passed_over import summary_line
from ser_batch.inputs.sources import Source
from ser_batch.inputs.suffixes import EXTRA_SUFFIXES, suffix

# Corpora recognised by their file names; each module has a NAME and `parse(path, name)`.
KNOWN = (crema_d, ravdess, tess, savee, emo_db)
LOSSY_SUFFIXES = frozenset({".mp3", ".ogg", ".oga", ".opus"})  # beside `EXTRA_SUFFIXES`


def read_corpus(path: str | os.PathLike[str], labels: Collection[str] = ()) -> Corpus:
    """Read the labelled clips of a folder or of a CSV.

    A folder is a corpus of `KNOWN` if more than half of its audio files have that corpus's file names (of several
    copies of a recording, a lossless one is read), else a folder per emotion, or per one of `labels`.

    Raises:
        SerBatchError: no such path, no audio, no recognisable label, or only one label.
    """
    path = os.fspath(path)
    if not Path(path).exists():
        raise SerBatchError(f"{path}: no such folder or file: give a folder of audio or a CSV")
    if Path(path).is_dir():
        corpus = _read_folder(path, labels)
    elif suffix(path) in {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"}:
        corpus = csv_list.read(path)
    else:
        raise SerBatchError(
            f"{path}: not a corpus: give a folder of audio, or a CSV with the columns file,label[,speaker]"
        )
    if not corpus.clips:
        raise SerBatchError(_nothing_read(path, corpus))
    if len({clip.label for clip in corpus.clips}) == 1:
        label, count = corpus.clips[0].label, len(corpus.clips)
        raise SerBatchError(
            f"{path}: all {count} clips are labelled {label}{_hint(corpus)}: at least two labels are needed"
        )
    return replace(corpus, clips=sorted(corpus.clips, key=lambda clip: clip.name))


def _read_folder(root: str, labels: Collection[str]) -> Corpus:
    paths: list[str] = []
    unreadable: list[tuple[str, str]] = []
    passed_over: Counter[str] = Counter()
    for found in find([root], passed_over=passed_over):
        if isinstance(found, Source):
            paths.append(found.path)
        else:
            unreadable.append((found.path, found.message))
    if not paths:
        other = f" ({summary_line(passed_over)})" if passed_over else ""
        raise SerBatchError(f"{root}: no audio file in it{other}: give a folder of audio")
    paths.sort(key=lambda path: (suffix(path) in EXTRA_SUFFIXES, suffix(path) in LOSSY_SUFFIXES, path))
    module = next((module for module in KNOWN if _share(module, paths) > 0.5), None)
    corpus = _read_known(module, root, paths) if module else folders.read(root, paths, labels)
    notes = [*filter(None, [summary_line(passed_over)]), *corpus.notes]
    clips = with_attributes(corpus.clips, root)
    return replace(corpus, clips=clips, skipped=corpus.skipped + unreadable, notes=notes)


def _share(module: ModuleType, paths: Sequence[str]) -> float:
    """Return the share of files that have a corpus's file names."""
    return sum(module.parse(path, "") is not None for path in paths) / len(paths)


def _read_known(module: ModuleType, root: str, paths: Sequence[str]) -> Corpus:
    clips: dict[tuple[str, str], Clip] = {}
    skipped: list[tuple[str, str]] = []
    for path in paths:
        parsed = module.parse(path, name_in(path, root))
        if parsed is None:
            skipped.append((path, f"not a file name of {module.NAME}"))
        elif isinstance(parsed, str):
            skipped.append((path, parsed))
        elif clips.setdefault((parsed.speaker, stem(path).lower()), parsed) is not parsed:
            skipped.append((path, "another copy of the same recording is read"))
    return Corpus(module.NAME, list(clips.values()), skipped)


def _nothing_read(path: str, corpus: Corpus) -> str:
    count = len(corpus.skipped)
    if Path(path).is_file():
        example = f", such as {corpus.skipped[0][0]}" if count else ""
        return (
            f"{path}: none of the {count} listed files exists{example}: "
            "give paths relative to the folder of the list, with / between folders"
        )
    names = ", ".join(module.NAME for module in KNOWN)
    return (
        f"{path}: no recognisable label on {count} audio files{_hint(corpus)}: neither the file names of {names}, nor "
        f"a folder per emotion ({', '.join(LABELS)} …). Name the folders so, or give a CSV with the columns "
        "file,label[,speaker]"
    )


def _hint(corpus: Corpus) -> str:
    return "".join(f" ({note})" for note in corpus.notes if "--labels" in note)
