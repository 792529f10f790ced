"""Label mappings: new names for labels of a corpus, and labels to leave out."""

import os
from collections.abc import Mapping
from dataclasses import replace

from ser_batch.corpora.clips import Corpus, canonical, plain
from ser_batch.errors import SerBatchError
from ser_batch.inputs.tables import read_table

# `--labels six`: the labels of SYNONYMS beyond CREMA-D's six, mapped to these; "" leaves the clips out.
SIX = {"calm": "neutral", "excited": "happy"} | dict.fromkeys(
    ("surprised", "bored", "contempt", "frustrated"), ""
)

Labels = str | os.PathLike[str] | Mapping[str, str] | None


def read_mapping(labels: Labels) -> dict[str, str]:
    """Read a mapping from labels to labels; clips of a label that maps to "" are left out.

    Args:
        labels: `six` for `SIX`; a CSV with the columns from,to; a mapping; or None for an empty one. Synonyms
            (`clips.SYNONYMS`) are replaced by their label on both sides.

    Raises:
        SerBatchError: a file that cannot be read or has no such columns, or one label with two meanings.
    """
    if labels is None or labels == "six":
        return SIX if labels else {}
    if isinstance(labels, Mapping):
        pairs = list(labels.items())
    else:
        pairs = [(row["from"], row["to"]) for _, row in read_table(os.fspath(labels), ("from", "to"))]
    mapping: dict[str, str] = {}
    for source, target in pairs:
        label = canonical(target) or plain(target)
        if mapping.setdefault(canonical(source) or plain(source), label) != label:
            raise SerBatchError(f"--labels: {source} is mapped twice, to different labels: give it one line")
    return mapping


def apply_mapping(corpus: Corpus, mapping: Mapping[str, str]) -> Corpus:
    """Map the labels of a corpus; clips whose label becomes "" are left out.

    Raises:
        SerBatchError: no clip is left.
    """
    clips = [replace(clip, label=mapping.get(clip.label, clip.label)) for clip in corpus.clips]
    kept = [clip for clip in clips if clip.label]
    if not kept:
        raise SerBatchError(f"{corpus.name}: the label mapping leaves out all clips: keep a label of them")
    return replace(corpus, clips=kept)
