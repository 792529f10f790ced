"""Label mappings: which labels of a corpus become which, and which are left out."""

import os
from collections.abc import Mapping

from ser_batch.corpora.clips import canonical, plain
from ser_batch.errors import SerBatchError
from ser_batch.inputs.lists import column, read_csv

# What SYNONYMS has beyond CREMA-D's six, brought to them; "" leaves the clips out.
SIX = {
    "calm": "neutral",
    "excited": "happy",
    "surprised": "",
    "bored": "",
    "contempt": "",
    "frustrated": "",
}

Labels = str | os.PathLike[str] | Mapping[str, str] | None


def read_mapping(labels: Labels) -> dict[str, str]:
    """Read a mapping from labels to labels; a label that maps to "" is to be left out.

    Args:
        labels: `six` for `SIX`; a CSV with the columns from,to; a mapping; or None for an empty one. Known words are
            brought to their canonical spelling (`clips.SYNONYMS`) on either side.

    Raises:
        SerBatchError: a file that cannot be read or has no such columns, or one label with two meanings.
    """
    if labels is None or labels == "six":
        return SIX if labels else {}
    pairs = labels.items() if isinstance(labels, Mapping) else _read_csv(os.fspath(labels))
    mapping: dict[str, str] = {}
    for source, target in pairs:
        label = canonical(target) or plain(target)
        if mapping.setdefault(canonical(source) or plain(source), label) != label:
            raise SerBatchError(f"The label {source} is mapped twice, and not to the same: give it one line")
    return mapping


def _read_csv(path: str) -> list[tuple[str, str]]:
    rows = read_csv(path)
    _, header = next(rows, (0, []))
    source, target = column(header, ("from",)), column(header, ("to",))
    if source is None or target is None:
        raise SerBatchError(
            f"{path}: the first line must name the columns from,to; an empty `to` drops a label"
        )
    cells = [row + [""] * (len(header) - len(row)) for _, row in rows]
    return [(row[source], row[target]) for row in cells]
