"""Who is trained on and who is tested on: whole speakers, so that no voice is on both sides."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_batch.errors import SerBatchError

Mask = NDArray[np.bool_]


def split_speakers(
    speakers: Sequence[str], shares: Mapping[str, float], seed: int, strata: Sequence[str] | None = None
) -> dict[str, Mask]:
    """Divide clips by speaker.

    Args:
        speakers: the speaker of each clip.
        shares: for each part its share of the speakers, e.g. `{"validation": 0.12, "test": 0.15}`; a part of
            0 stays empty, any other gets at least one speaker, and the rest is the part `train`.
        seed: of the draw.
        strata: a property of each clip's speaker, such as the sex, that every part shall hold in proportion.

    Returns:
        For `train` and each name in `shares` a bool mask over the clips.

    Raises:
        SerBatchError: too few speakers, or shares that leave none for training.
    """
    order = _shuffled(speakers, seed, strata)
    counts = _counts(len(order), shares, "speakers")
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
                f"The corpus's folds share a speaker: {speaker} is in {fold_of[speaker]}, {fold}."
            )
    order = _shuffled(speakers, seed, strata)
    if not fold_of and (len(order) < k or k < 2):
        raise SerBatchError(
            f"{k} folds by speaker need at least {max(k, 2)} speakers, and two folds; found {len(order)} speakers."
        )
    names = sorted(set(fold_of.values())) or [str(1 + i) for i in range(k)]
    if len(names) < 2:
        raise SerBatchError("Cross-validation needs at least two folds; the corpus names one.")
    dealt = [speaker for speaker in order if speaker not in fold_of]
    fold_of |= {speaker: names[place % len(names)] for place, speaker in enumerate(dealt)}
    each = np.array([fold_of[speaker] for speaker in speakers])
    return {name: each == name for name in names}


def random_split(n_clips: int, shares: Mapping[str, float], seed: int) -> dict[str, Mask]:
    """Divide clips at random, as many published notebooks do: a LEAK, since each voice is on every side.

    It is here so that their figures can be lined up with honest ones. Returns as `split_speakers` does.
    """
    order = np.random.default_rng(seed).permutation(n_clips)
    counts = _counts(n_clips, shares, "clips")
    bounds = np.cumsum(list(counts.values()))[:-1]
    parts = {}
    for part, rows in zip(counts, np.split(order, bounds), strict=True):
        parts[part] = np.zeros(n_clips, bool)
        parts[part][rows] = True
    return parts


def _counts(total: int, shares: Mapping[str, float], what: str) -> dict[str, int]:
    wanted = [part for part, share in shares.items() if share > 0]
    if sum(shares.values()) >= 1:
        raise SerBatchError("The shares for " + " and ".join(wanted) + " leave nothing for training.")
    if total < len(wanted) + 1:
        raise SerBatchError(
            f"Too few {what} to split: {' + '.join(['train', *wanted])} need at least {len(wanted) + 1}, "
            f"found {total}. Ask for fewer parts (`--test 0`, `--validation 0`)."
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
