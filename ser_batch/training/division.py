"""Which clips of a table a training gets, and which are held out: the options applied to `splits`."""

from collections.abc import Mapping

import numpy as np

from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError
from ser_batch.training import splits
from ser_batch.training.options import TrainOptions
from ser_batch.training.splits import Mask


def divide(table: FeatureTable, options: TrainOptions) -> dict[str, Mask]:
    """Divide the clips into train, validation and test: for each a bool mask over the table.

    Raises:
        SerBatchError: too few speakers, or no such fold.
    """
    if options.split == "random":
        shares = {"validation": options.validation, "test": options.test}
        return splits.random_split(len(table), shares, options.seed)
    if options.test_fold is None:
        test = 0 if options.cross_validate else options.test
        return _by_speaker(table, {"validation": options.validation, "test": test}, options.seed)
    folds = folds_of(table, options)
    if options.test_fold not in folds:
        raise SerBatchError(f"{table.corpus} has no fold {options.test_fold}; it has {', '.join(folds)}.")
    return hold_out(table, folds[options.test_fold], options)


def folds_of(table: FeatureTable, options: TrainOptions) -> dict[str, Mask]:
    """The corpus's own folds, or as many as the options say: for each name a bool mask over the table."""
    own = table.attributes.get("fold")
    return splits.speaker_folds(table.speakers, options.folds, options.seed, own, strata_of(table))


def hold_out(table: FeatureTable, test: Mask, options: TrainOptions) -> dict[str, Mask]:
    """Test on the clips of a mask; take the validation speakers from the others. Returns as `divide` does."""
    others = np.flatnonzero(~test)
    inner = _by_speaker(table.select(others), {"validation": options.validation}, options.seed)
    parts = {"test": test}
    for part, chosen in inner.items():
        parts[part] = np.zeros(len(table), bool)
        parts[part][others[chosen]] = True
    return parts


def _by_speaker(table: FeatureTable, shares: Mapping[str, float], seed: int) -> dict[str, Mask]:
    return splits.split_speakers(table.speakers, shares, seed, strata_of(table))


def strata_of(table: FeatureTable) -> list[str]:
    """Corpus and sex of each clip's speaker, as far as they are known: every part holds them in proportion."""
    unknown = [""] * len(table)
    columns = (table.attributes.get(name, unknown) for name in ("corpus", "sex"))
    return [" ".join(values) for values in zip(*columns, strict=True)]
