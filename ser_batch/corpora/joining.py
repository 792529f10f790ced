"""Joining of corpora into one feature table: labels are mapped, names and speakers stay distinct."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError

VOTE = "vote_"


def join(
    tables: Sequence[FeatureTable], mapping: Mapping[str, str], only_shared: bool
) -> tuple[FeatureTable, list[str]]:
    """Map the labels of corpora, and join the corpora into one table.

    In a join of several corpora, clips are named `corpus/name` and speakers `corpus/speaker` (several folders of one
    corpus share its speakers), and an attribute `corpus` is added. An attribute that a corpus lacks is empty.

    Args:
        tables: at least one.
        mapping: from label to label, "" to leave its clips out; other labels stay.
        only_shared: leave out labels of only one of several corpora, unless they are targets of the mapping: a network
            would recognise them by the sound of their corpus.

    Returns:
        The table, and a line for each change of labels.

    Raises:
        SerBatchError: no clip is left, or the corpora went through different noise reductions.
    """
    notes: list[str] = []
    mapped = [_relabel(table, mapping, notes) for table in tables]
    if only_shared and len(mapped) > 1:
        corpora_with = Counter(label for table in mapped for label in set(table.labels))
        kept = {label for label, count in corpora_with.items() if count > 1} | set(mapping.values())
        mapped = [_only(table, kept, notes) for table in mapped]
    filled = [table for table in mapped if len(table)]
    if not filled:
        raise SerBatchError("no clip is left (" + "; ".join(notes) + "): change --labels")
    return filled[0] if len(tables) == 1 else _concatenate(filled), notes


def qualified_speakers(corpus: str, speakers: set[str]) -> set[str]:
    """Return speaker names as `join` makes them, of one corpus or of a join of several."""
    return speakers if " + " in corpus else {f"{corpus}/{speaker}" for speaker in speakers}


def _relabel(table: FeatureTable, mapping: Mapping[str, str], notes: list[str]) -> FeatureTable:
    """Rename labels and their columns of votes; leave out the clips of labels that become ""."""
    if not mapping:
        return table
    labels = [mapping.get(label, label) for label in table.labels]
    for (old, new), count in sorted(Counter(zip(table.labels, labels, strict=True)).items()):
        if old != new:
            what = f"{old} → {new}" if new else f"of {old} left out, as the mapping says"
            notes.append(f"{table.corpus}: {count:,} clips {what}")
    attributes = {name: column for name, column in table.attributes.items() if not name.startswith(VOTE)}
    for name, column in table.attributes.items():
        label = mapping.get(name.removeprefix(VOTE), name.removeprefix(VOTE))
        if name.startswith(VOTE) and label:
            together = attributes.get(VOTE + label)
            attributes[VOTE + label] = _added(together, column) if together else column
    return replace(table, labels=labels, attributes=attributes).select(np.array(labels) != "")


def _added(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Add two columns of votes; a clip without votes keeps an empty cell."""
    return [f"{float(a or 0) + float(b or 0):g}" if a or b else "" for a, b in zip(one, other, strict=True)]


def _only(table: FeatureTable, labels: Collection[str], notes: list[str]) -> FeatureTable:
    for label, count in sorted(Counter(table.labels).items()):
        if label not in labels:
            notes.append(f"{table.corpus}: {count:,} clips of {label} left out: no other corpus has it")
    return table.select(np.isin(table.labels, sorted(labels)))


def _concatenate(tables: Sequence[FeatureTable]) -> FeatureTable:
    if len({table.denoise for table in tables}) > 1:
        engines = ", ".join(f"{table.corpus} {table.denoise}" for table in tables)
        raise SerBatchError(
            f"the corpora have different noise reduction ({engines}): make their tables with one --denoise"
        )
    corpora = [table.corpus for table in tables]
    # Names of clips stay unique even if two corpora have the same name.
    titles = [f"{name}-{i + 1}" if (i := corpora[:n].count(name)) else name for n, name in enumerate(corpora)]
    several = len(set(corpora)) > 1
    columns = dict.fromkeys(name for table in tables for name in table.attributes)
    attributes = {
        name: [value for table in tables for value in table.attributes.get(name, [""] * len(table))]
        for name in columns
    }
    attributes["corpus"] = [table.corpus for table in tables for _ in table.names]
    return FeatureTable(
        corpus=" + ".join(dict.fromkeys(corpora)),
        front_end=tables[0].front_end,
        names=[
            f"{title}/{each}" for table, title in zip(tables, titles, strict=True) for each in table.names
        ],
        labels=[label for table in tables for label in table.labels],
        speakers=[
            f"{table.corpus}/{each}" if several else each for table in tables for each in table.speakers
        ],
        levels=np.concatenate([table.levels for table in tables]),
        frames=np.concatenate([table.frames for table in tables]),
        attributes=attributes,
        denoise=tables[0].denoise,
        paths=[path for table in tables for path in table.paths]
        if all(table.paths for table in tables)
        else [],
    )
