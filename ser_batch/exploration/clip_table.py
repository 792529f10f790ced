"""Table of a corpus: labels, attributes, measured quality and problems of each clip; selection of examples."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ser_batch.audio import features
from ser_batch.audio.front_end import HOP, SAMPLE_RATE, WINDOW_SECONDS
from ser_batch.audio.quality import Quality
from ser_batch.audio.windows import load
from ser_batch.corpora.clips import Clip, Corpus
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError

TOO_SHORT = 0.5  # seconds
TOO_CLIPPED = 0.001  # share of the samples
SHORTEST = 4096  # samples that noisereduce and librosa need
MEASURED = [name for name in asdict(Quality()) if name != "digest"]

Row = list[str | float | None]


@dataclass(frozen=True)
class Example:
    """A clip that the page shows.

    Attributes:
        clip: the clip.
        samples: its first 3.0 s, float32 `[n]` at 16 kHz, zero-padded to at least 4,096; None without audio.
        log_mel: the network's input, float32 `[188, 128]` in dB.
        frames: the number of frames before the zero padding.
    """

    clip: Clip
    samples: NDArray[np.float32] | None
    log_mel: NDArray[np.float32]
    frames: int


@dataclass(frozen=True)
class ClipTable:
    """The clips of a corpus and what was measured on them.

    Attributes:
        corpus: the clips, with the labels used in training.
        qualities: the measurements of each clip, in the same order, or why it cannot be read.
        stored: the feature table that the clips come from, where there is no audio.
    """

    corpus: Corpus
    qualities: Sequence[Quality | str]
    stored: FeatureTable | None = None

    @cached_property
    def problems(self) -> list[str]:
        """The problems of each clip, "" for none."""
        first: dict[str, Clip] = {}
        pairs = zip(self.corpus.clips, self.qualities, strict=True)
        return ["; ".join(_problems(clip, quality, first)) for clip, quality in pairs]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Columns `label`, `speaker`, `readable`, `problem` and those of `MEASURED`, NaN where nothing is known."""
        known = [quality if isinstance(quality, Quality) else Quality() for quality in self.qualities]
        frame = pd.DataFrame([asdict(each) for each in known], columns=MEASURED, dtype=float)
        for name in ("label", "speaker"):  # object: names need not be valid UTF-8
            frame[name] = pd.Series([getattr(clip, name) for clip in self.corpus.clips], dtype=object)
        frame["readable"] = [isinstance(quality, Quality) for quality in self.qualities]
        frame["problem"] = pd.Series(self.problems, dtype=object)
        return frame

    @cached_property
    def readable(self) -> pd.DataFrame:
        """The rows of the clips that can be read."""
        return self.frame[self.frame["readable"]]

    @cached_property
    def labels(self) -> list[str]:
        """The labels of the clips that can be read, sorted."""
        return sorted(set(self.readable["label"]))

    @cached_property
    def counts(self) -> dict[str, pd.DataFrame]:
        """Readable clips of each label (columns) by each value (rows) of each attribute (keys)."""
        clips = [self.corpus.clips[row] for row in self.readable.index]
        values = {"label": [clip.label for clip in clips]}
        if self.corpus.speakers_known:
            values["speaker"] = [clip.speaker for clip in clips]
        for name in self.attributes:
            if not name.startswith("vote_"):
                values[name] = [clip.attributes.get(name, "") for clip in clips]
        for name in ("sample_rate", "channels"):
            if self.readable[name].notna().any():
                values[name] = [
                    "" if np.isnan(number) else str(int(number)) for number in self.readable[name]
                ]
        labels = pd.Series(values["label"], dtype=object)
        tables = {name: pd.crosstab(pd.Series(each, dtype=object), labels) for name, each in values.items()}
        return {name: table.loc[sorted(table.index, key=_numbers_first)] for name, table in tables.items()}

    @cached_property
    def attributes(self) -> list[str]:
        """The names of the corpus's own attributes."""
        return list(dict.fromkeys(name for clip in self.corpus.clips for name in clip.attributes))

    def clip_rows(self) -> Iterator[Row]:
        """Header and rows of `clips.csv`."""
        yield ["file", "label", "speaker", *self.attributes, *MEASURED, "trouble"]
        for clip, quality, problem in zip(self.corpus.clips, self.qualities, self.problems, strict=True):
            measured = asdict(quality if isinstance(quality, Quality) else Quality())
            attributes = [clip.attributes.get(name, "") for name in self.attributes]
            numbers = [measured[name] for name in MEASURED]
            yield [clip.path or clip.name, clip.label, clip.speaker, *attributes, *numbers, problem]

    def count_rows(self) -> Iterator[Row]:
        """Header and rows of `counts.csv`."""
        yield ["attribute", "value", "clips", *self.labels]
        for name, table in self.counts.items():
            for value, by_label in table.iterrows():
                yield [name, str(value), int(by_label.sum()), *map(int, by_label)]

    def candidates(self, label: str, seed: int | None) -> list[int]:
        """Rows of the clips of a label, the best example first.

        Clips without problems come first, then those of the speaker with most labels, so that emotions and not
        speakers are compared, then those of about the label's median duration. With a seed, the speaker is drawn
        from those with most labels, and the duration plays no role.
        """
        rng = None if seed is None else np.random.default_rng(seed)
        good = self.frame[self.frame["problem"] == ""].groupby("speaker")["label"].nunique()
        counts = good.reindex(sorted(set(self.frame["speaker"])), fill_value=0)
        speakers = counts.index[counts == counts.max()]
        speaker = speakers[0 if rng is None else rng.integers(len(speakers))]
        rows = self.frame[self.frame["label"] == label]
        durations = rows["duration"].fillna(0)
        order = pd.DataFrame(
            {
                "problem": rows["problem"] != "",
                "other_speaker": rows["speaker"] != speaker,
                "distance": (durations - durations.median()).abs() if rng is None else rng.random(len(rows)),
            }
        )
        return list(order.sort_values(list(order), kind="stable").index)

    def example(self, label: str, seed: int | None) -> Example | None:
        """The first of the candidates that can be read."""
        for row in self.candidates(label, seed):
            clip = self.corpus.clips[row]
            if self.stored:
                return Example(
                    clip, None, self.stored.log_mel(np.array([row]))[0], int(self.stored.frames[row])
                )
            try:
                samples = load(clip.path, WINDOW_SECONDS)
            except (SerBatchError, OSError):
                continue
            frames = features.true_frames(len(samples))
            samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
            return Example(clip, samples, features.log_mel(samples), frames)
        return None


def from_features(table: FeatureTable) -> ClipTable:
    """Make the table of a stored feature table: its durations end at 3.0 s, and nothing else is measured."""
    attributes = [
        dict(zip(table.attributes, row, strict=True)) for row in zip(*table.attributes.values(), strict=True)
    ]
    columns = (table.names, table.labels, table.speakers, attributes or [{}] * len(table))
    clips = [Clip("", *columns_of_clip) for columns_of_clip in zip(*columns, strict=True)]
    durations = np.minimum(table.frames * HOP / SAMPLE_RATE, WINDOW_SECONDS).tolist()
    return ClipTable(Corpus(table.corpus, clips, []), [Quality(each) for each in durations], table)


def _problems(clip: Clip, quality: Quality | str, first: dict[str, Clip]) -> Iterator[str]:
    """List the problems of a clip; `first` maps each digest to the first clip that had it."""
    if isinstance(quality, str):
        yield f"cannot be read: {quality}"
        return
    if quality.duration is not None and quality.duration < TOO_SHORT:
        yield f"short: {quality.duration:.2f} s"
    if quality.silence == 1:
        yield "silent"
    elif quality.digest:
        other = first.setdefault(quality.digest, clip)
        if other is not clip:
            differs = f", which is labelled {other.label}" if other.label != clip.label else ""
            yield f"the same audio as {other.name}{differs}"
    if quality.clipped and quality.clipped > TOO_CLIPPED:
        yield f"clipped: {quality.clipped:.1%} of the samples"


def _numbers_first(value: str) -> tuple[bool, float, str]:
    """Sort key: numbers by size, then words."""
    return not value.isdecimal(), float(value) if value.isdecimal() else 0.0, value
