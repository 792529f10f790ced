"""Splits into train, validation and test by speaker, and folds for cross-validation."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError
from ser_batch.training.options import HoldOut

Mask = NDArray[np.bool_]


def split(table: FeatureTable, hold_out: HoldOut, seed: int) -> dict[str, Mask]:
    """Divide the clips into train, validation and test: for each a bool mask over the table.

    Raises:
        SerBatchError: too few speakers, or no such fold.
    """
    if hold_out.test_fold is None:
        test = 0 if hold_out.cross_validate else hold_out.test
        shares = {"validation": hold_out.validation, "test": test}
        return split_speakers(table.speakers, shares, seed, strata_of(table))
    folds = folds_of(table, hold_out, seed)
    if hold_out.test_fold not in folds:
        raise SerBatchError(
            f"{table.corpus}: no fold {hold_out.test_fold}: choose among {', '.join(folds)} for --test-fold"
        )
    return split_fold(table, folds[hold_out.test_fold], hold_out, seed)


def folds_of(table: FeatureTable, hold_out: HoldOut, seed: int) -> dict[str, Mask]:
    """The corpus's own folds, or as many as `hold_out` says: for each name a bool mask over the table."""
    own = table.attributes.get("fold")
    return speaker_folds(table.speakers, hold_out.folds, seed, own, strata_of(table))


def split_fold(table: FeatureTable, test: Mask, hold_out: HoldOut, seed: int) -> dict[str, Mask]:
    """Test on the clips of a mask; take the validation speakers from the others. Returns as `split` does."""
    others = np.flatnonzero(~test)
    rest = table.select(others)
    inner = split_speakers(rest.speakers, {"validation": hold_out.validation}, seed, strata_of(rest))
    parts = {"test": test}
    for part, chosen in inner.items():
        parts[part] = np.zeros(len(table), bool)
        parts[part][others[chosen]] = True
    return parts


def strata_of(table: FeatureTable) -> list[str]:
    """Corpus and sex of each clip's speaker, as far as they are known: every part has them in proportion."""
    unknown = [""] * len(table)
    columns = (table.attributes.get(name, unknown) for name in ("corpus", "sex"))
    return [" ".join(values) for values in zip(*columns, strict=True)]


def split_speakers(
    speakers: Sequence[str], shares: Mapping[str, float], seed: int, strata: Sequence[str] | None = None
) -> dict[str, Mask]:
    """Divide clips by speaker.

    Args:
        speakers: the speaker of each clip.
        shares: for each part its share of the speakers, e.g. `{"validation": 0.12, "test": 0.15}`; a part of
            0 stays empty, any other gets at least one speaker, and the rest is the part `train`.
        seed: of the draw.
        strata: a property of each clip's speaker, such as the sex, which every part has in proportion.

    Returns:
        For `train` and each name in `shares` a bool mask over the clips.

    Raises:
        SerBatchError: too few speakers, or shares that leave none for training.
    """
    order = _shuffled(speakers, seed, strata)
    counts = _counts(len(order), shares)
    parts, start = {}, 0
    for part, count in counts.items():
        parts[part] = np.isin(speakers, order[start : start + count])
        start += count
    return parts


def speaker_folds(
    speakers: Sequence[str],
    k: int,
    seed: int,
    folds: Sequence[str] | None = None,
    strata: Sequence[str] | None = None,
) -> dict[str, Mask]:
    """Divide clips into folds for cross-validation, each speaker in one of them.

    Args:
        speakers: the speaker of each clip.
        k: how many folds to make where the corpus has none of its own.
        seed: of the draw, likewise.
        folds: the corpus's own fold of each clip, which goes before `k`; speakers without one ("") are dealt to them.
        strata: as for `split_speakers`.

    Returns:
        For each fold's name a bool mask over the clips, sorted by name.

    Raises:
        SerBatchError: fewer speakers than folds, fewer than two folds, or a speaker in two of the corpus's.
    """
    fold_of: dict[str, str] = {}
    for speaker, fold in zip(speakers, folds or [""] * len(speakers), strict=True):
        if fold and fold_of.setdefault(speaker, fold) != fold:
            raise SerBatchError(
                f"speaker {speaker} is in the folds {fold_of[speaker]} and {fold}: give each speaker one fold"
            )
    order = _shuffled(speakers, seed, strata)
    if not fold_of and (len(order) < k or k < 2):
        raise SerBatchError(
            f"{k} folds of {len(order)} speakers: a fold needs a speaker, and there must be two folds: change --folds"
        )
    names = sorted(set(fold_of.values())) or [str(1 + i) for i in range(k)]
    if len(names) < 2:
        raise SerBatchError("the corpus has one fold only: cross-validation needs two or more")
    dealt = [speaker for speaker in order if speaker not in fold_of]
    fold_of |= {speaker: names[place % len(names)] for place, speaker in enumerate(dealt)}
    each = np.array([fold_of[speaker] for speaker in speakers])
    return {name: each == name for name in names}


def _counts(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    wanted = [part for part, share in shares.items() if share > 0]
    if sum(shares.values()) >= 1:
        raise SerBatchError(
            f"{' and '.join(wanted)}: their shares leave no speakers for training: give smaller shares"
        )
    if total < len(wanted) + 1:
        raise SerBatchError(
            f"too few speakers to split: {' + '.join(['train', *wanted])} need at least {len(wanted) + 1}, "
            f"found {total}: "
            "ask for fewer parts (--test 0, --validation 0)"
        )
    counts, left, owed = {}, total, len(wanted)
    for part, share in shares.items():
        if share > 0:
            counts[part] = min(max(1, round(share * total)), left - owed)
            owed -= 1
        else:
            counts[part] = 0
        left -= counts[part]
    return {**counts, "train": left}


def _shuffled(speakers: Sequence[str], seed: int, strata: Sequence[str] | None) -> list[str]:
    """Speakers in random order, with those of each stratum spread evenly along it."""
    rng = np.random.default_rng(seed)
    groups = defaultdict(set)
    for speaker, stratum in zip(speakers, strata or [""] * len(speakers), strict=True):
        groups[stratum].add(speaker)
    place = {}
    for _, group in sorted(groups.items()):
        for rank, speaker in enumerate(rng.permutation(sorted(group))):
            place[str(speaker)] = (rank + rng.random()) / len(group)
    return sorted(place, key=place.__getitem__)
