"""Several corpora as one table: labels brought together; names and speakers kept apart."""

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
    """Map the labels of some corpora and make one table of them.

    Of several corpora, clips are called `corpus/name` and speakers `corpus/speaker` (folders of one corpus share its
    speakers), and an attribute `corpus` is added; an attribute that a corpus lacks is empty.

    Args:
        tables: at least one.
        mapping: from label to label, "" to leave its clips out; labels that it does not name stay.
        only_shared: of several corpora, leave out what no second one has and the mapping does not name as a target: it
            would be recognised by its corpus's sound.

    Returns:
        The table, and what was done to labels, a line for each.

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
        raise SerBatchError("No clip is left: " + "; ".join(notes))
    return filled[0] if len(tables) == 1 else _concatenate(filled), notes


def voices(corpus: str, speakers: set[str]) -> set[str]:
    """Speakers as `join` calls them, whether theirs is one corpus or several already."""
    return speakers if " + " in corpus else {f"{corpus}/{speaker}" for speaker in speakers}


def _relabel(table: FeatureTable, mapping: Mapping[str, str], notes: list[str]) -> FeatureTable:
    """Rename labels and the votes for them; leave out the clips of labels that become ""."""
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
    """Sum of two columns of votes; a clip without votes stays without."""
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
            f"The corpora went through different noise reductions ({engines}): make them alike."
        )
    corpora = [table.corpus for table in tables]
    # a clip's name is unique even if two corpora are called alike
    titles = [f"{name}-{i + 1}" if (i := corpora[:n].count(name)) else name for n, name in enumerate(corpora)]
    several = len(set(corpora)) > 1
    paths = [path for table in tables for path in table.paths]
    columns = dict.fromkeys(name for table in tables for name in table.attributes)
    attributes = {
        name: [value for table in tables for value in table.attributes.get(name, [""] * len(table))]
        for name in columns
    }
    return FeatureTable(
        corpus=" + ".join(dict.fromkeys(corpora)),
        front_end=tables[0].front_end,
        names=[
            f"{title}/{name}" for table, title in zip(tables, titles, strict=True) for name in table.names
        ],
        labels=[label for table in tables for label in table.labels],
        speakers=[
            f"{table.corpus}/{each}" if several else each for table in tables for each in table.speakers
        ],
        levels=np.concatenate([table.levels for table in tables]),
        frames=np.concatenate([table.frames for table in tables]),
        attributes={**attributes, "corpus": [table.corpus for table in tables for _ in table.names]},
        denoise=tables[0].denoise,
        paths=paths if all(table.paths for table in tables) else [],
    )
