"""Adaptation and calibration of the results of a run, computed from its journal without a second inference."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.engine.job import Options
from ser_batch.engine.result import SCALE, Annotation, Outcome, to_ten_thousandths
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.evaluation.adaptation import LogitMap, offsets_for

Results = Iterator[tuple[str, Outcome]]

CALIBRATION_FILE = "calibration.json"
CALIBRATION_VERSION = 1
LEAST_SEGMENTS = 30  # of a group: see docs/your-archive.md
SAMPLED = 10_000  # segments of a group that its offsets are computed from, at most


@dataclass(frozen=True, slots=True)
class Calibration:
    """A `calibration.json`: the document, and the SHA-256 of the file."""

    document: dict[str, Any]
    sha256: str

    @property
    def map(self) -> LogitMap:
        """The map on the logits."""
        offsets = self.document["offsets"]
        return LogitMap(
            self.document["factor"], np.array([offsets[label] for label in self.document["labels"]])
        )

    def record(self) -> dict[str, Any]:
        """Its entry in `run.json`."""
        return {"sha256": self.sha256, **self.document}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Calibration":
        """Return the calibration that `record` converted."""
        return cls({name: value for name, value in record.items() if name != "sha256"}, record["sha256"])


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file, or the one in a folder.

    Raises:
        SerBatchError: there is none, or it is damaged.
    """
    path = path / CALIBRATION_FILE if path.is_dir() else path
    try:
        content = path.read_bytes()
        document = json.loads(content)
        calibration = Calibration(document, hashlib.sha256(content).hexdigest())
        if (
            document["schema_version"] != CALIBRATION_VERSION
            or not np.isfinite(calibration.map.offsets).all()
        ):
            raise ValueError("its version is not known")
    except OSError as error:
        raise UsageError(
            f"{path}: no such calibration ({error.strerror}): name a folder that `ser-batch calibrate` calibrated"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SerBatchError(
            f"{path}: not a calibration of this version: run `ser-batch calibrate` again"
        ) from error
    return calibration


def check_calibration(calibration: Calibration, model: Mapping[str, Any], source: object) -> None:
    """Check that a calibration belongs to a model, given by its `name`, `sha256` and `labels`.

    Raises:
        UsageError: the network or the labels differ.
    """
    document = calibration.document
    if (document["model_sha256"], document["labels"]) != (model["sha256"], list(model["labels"])):
        raise UsageError(
            f"{source}: calibrated for the model {document['model']} (SHA-256 {document['model_sha256'][:8]}…), "
            f"not for {model['name']} ({model['sha256'][:8]}…): give that model, or calibrate this one"
        )


def expected_shares(expect: str | None, labels: Sequence[str]) -> NDArray[np.float64]:
    """The share of each label that `LABEL=SHARE,…` means; labels that are not named share the rest equally.

    Raises:
        UsageError: an unknown label, or shares that cannot be.
    """
    named: dict[str, float] = {}
    for part in filter(None, (expect or "").split(",")):
        label, _, share = part.partition("=")
        try:
            named[label.strip()] = float(share)
        except ValueError:
            raise UsageError(f"--expect {part}: not LABEL=SHARE: give for example neutral=0.6") from None
    if unknown := named.keys() - set(labels):
        raise UsageError(
            f"--expect {', '.join(sorted(unknown))}: not a label of the model: choose from {', '.join(labels)}"
        )
    rest = round(1 - sum(named.values()), 6)
    others = len(labels) - len(named)
    if min(named.values(), default=0) < 0 or rest < 0 or (rest > 0 and not others):
        raise UsageError(
            f"--expect {expect}: shares of {1 - rest:g} in all: give shares from 0 to 1 whose sum is 1, "
            "or less if some labels are not named"
        )
    shares = np.array([named.get(label, rest / max(others, 1)) for label in labels])
    if (shares > 0).sum() < 2:
        raise UsageError(f"--expect {expect}: only one label is left: there is nothing to adapt")
    return shares / shares.sum()


def check_options(options: Options, model: Mapping[str, Any]) -> None:
    """Check the options of adaptation and calibration, before hours of work, for a model as `check_calibration` has it.

    Raises:
        UsageError: options that exclude each other, or that do not fit the model.
        SerBatchError: a damaged calibration.
    """
    if (options.adapt_by or options.expect) and not options.adapt:
        raise UsageError("--adapt-by and --expect say how to adapt: give --adapt, too")
    if options.adapt:
        expected_shares(options.expect, model["labels"])
    if options.adapt and options.calibration:
        raise UsageError("--adapt and --calibration both set the offsets: give one of them")
    if options.calibration:
        check_calibration(read_calibration(Path(options.calibration)), model, options.calibration)


def calibration_in_use(folder: Path | None, options: Options, model: Mapping[str, Any]) -> Calibration | None:
    """The calibration of the output folder, or else the one of the options.

    Raises:
        UsageError: the folder was calibrated, and is to be adapted; or the calibration is of another model.
        SerBatchError: a damaged calibration.
    """
    own = folder / CALIBRATION_FILE if folder else None
    if not (own and own.exists()):
        return read_calibration(Path(options.calibration)) if options.calibration else None
    if options.adapt:
        raise UsageError(
            f"{own}: --adapt is for uncalibrated results: go back with `ser-batch calibrate {folder} --undo` first"
        )
    calibration = read_calibration(own)
    check_calibration(calibration, model, own)
    return calibration


def group_of(by: str | None, name: str) -> str:
    """The group of a file by its name: its first folders (a number of levels), or the folder that a pattern matches.

    Files in no such folder are a group together, named "".
    """
    folders = name.split("/")[:-1]
    if not by:
        return ""
    if by.isdecimal():
        return "/".join(folders[: int(by)])
    above = ("/".join(folders[:depth]) for depth in range(1, len(folders) + 1))
    return next((folder for folder in above if fnmatchcase(folder, by)), "")


@dataclass(slots=True)
class SegmentSample:
    """Segments of an archive or a part of it: all, or every 2nd, 4th, … of them, so that memory is bounded."""

    files: int = 0
    segments: int = 0
    step: int = 1
    kept: list[NDArray[np.int32]] = field(
        default_factory=list
    )  # probabilities and speech ratio, `[n, labels + 1]`
    n_kept: int = 0

    def add(self, annotation: Outcome) -> None:
        """Add the segments of a file that have speech; a failure has none."""
        if not isinstance(annotation, Annotation):
            return
        rows = np.column_stack([annotation.probabilities, annotation.speech])
        rows = rows[annotation.probabilities.any(axis=1) & (annotation.speech > 0)]
        if not len(rows):
            return
        kept = rows[-self.segments % self.step :: self.step]
        self.files += 1
        self.segments += len(rows)
        self.kept.append(kept)
        self.n_kept += len(kept)
        while self.n_kept > SAMPLED:
            self.kept = [np.concatenate(self.kept)[::2]]
            self.n_kept = len(self.kept[0])
            self.step *= 2

    def offsets(self, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Offsets on the logits for expected shares."""
        rows = np.concatenate(self.kept)
        return offsets_for(rows[:, :-1] / SCALE, rows[:, -1].astype(np.float64), expected)


def group_offsets(
    results: Results, by: str | None, expected: NDArray[np.float64]
) -> dict[str, tuple[SegmentSample, NDArray[np.float64]]]:
    """The offsets of each group of files for expected shares, from results whose names are relative to the root.

    Raises:
        SerBatchError: a group is too small.
    """
    groups: dict[str, SegmentSample] = {}
    for name, outcome in results:
        if isinstance(outcome, Annotation):
            groups.setdefault(group_of(by, name), SegmentSample()).add(outcome)
    small = {name: group.segments for name, group in groups.items() if group.segments < LEAST_SEGMENTS}
    if small or not groups:
        first, segments = min(small.items(), default=("", 0))
        where = f"{len(small)} of {len(groups)} groups are" if by else "the archive is"
        which = f" ({first or 'files in no such folder'}: {segments} segments with speech)" if by else ""
        raise SerBatchError(
            f"--adapt: {where} too small{which or f' ({segments} segments with speech)'}: each needs {LEAST_SEGMENTS} "
            f"segments: {'give larger groups with --adapt-by' if by else 'run the same command without --adapt'}"
        )
    return {name: (group, group.offsets(expected)) for name, group in sorted(groups.items())}


def adapted_results(
    read: Callable[[], Results],
    relative: Callable[[str], str],
    labels: Sequence[str],
    options: Options,
    calibration: Calibration | None,
) -> tuple[Results, dict[str, Any]]:
    """Adapt or calibrate results as the options say.

    Args:
        read: returns the results of the run from the first, sorted by path; called once more to adapt.
        relative: from a path to its name relative to the root.
        labels: of the model.
        options: their `adapt`, `adapt_by` and `expect` are used.
        calibration: replaces adaptation.

    Returns:
        The results, and what `run.json` records of it.

    Raises:
        SerBatchError: a group is too small to adapt.
    """
    if calibration:
        return mapped(read(), lambda path: calibration.map), {"calibration": calibration.record()}
    if not options.adapt:
        return read(), {}
    expected = expected_shares(options.expect, labels)
    groups = group_offsets(
        ((relative(path), outcome) for path, outcome in read()), options.adapt_by, expected
    )
    maps = {name: LogitMap(1.0, offsets) for name, (_, offsets) in groups.items()}
    record = {
        "expected": dict(zip(labels, np.round(expected, 6).tolist(), strict=True)),
        "by": options.adapt_by,
        "groups": [
            {
                "group": name,
                "files": group.files,
                "segments": group.segments,
                "offsets": dict(zip(labels, offsets.tolist(), strict=True)),
            }
            for name, (group, offsets) in groups.items()
        ],
    }
    shown = mapped(read(), lambda path: maps[group_of(options.adapt_by, relative(path))])
    return shown, {"adaptation": record}


def mapped(results: Results, map_of: Callable[[str], LogitMap]) -> Results:
    """Results with the map of each path applied to their probabilities."""
    for path, outcome in results:
        yield path, apply(map_of(path), outcome) if isinstance(outcome, Annotation) else outcome


def apply(logit_map: LogitMap, annotation: Annotation) -> Annotation:
    """An annotation with mapped probabilities; segments without any stay so."""
    some = annotation.probabilities.any(axis=1)
    probabilities = annotation.probabilities.copy()
    if some.any():
        probabilities[some] = to_ten_thousandths(logit_map.apply(annotation.probabilities[some] / SCALE))
    return replace(annotation, probabilities=probabilities)
