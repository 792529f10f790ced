"""What is known about the clips of a corpus: counts, what looks broken, and which are good examples."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
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
MEASURED = ("sample_rate", "channels")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A clip to be shown.

    Attributes:
        clip: which one.
        samples: its first 3.0 s, float32 `[n]` at 16 kHz, `n >= 4096`, padded if need be; None where there is no audio.
        bands: what a network is shown of it, float32 `[188, 128]`, log-mel in dB.
        frames: how many of those hold audio.
    """

    clip: Clip
    samples: Array | None
    bands: Array
    frames: int


@dataclass(frozen=True)
class Material:
    """A corpus, and what was measured on each of its clips.

    Attributes:
        corpus: its clips, with the labels that they are to be trained with.
        qualities: of each clip, in the same order, or why it cannot be read.
        table: their spectrograms, where there is no audio but a stored feature table.
    """

    corpus: Corpus
    qualities: Sequence[Quality | str]
    table: FeatureTable | None = None

    @cached_property
    def clips(self) -> list[tuple[Clip, Quality]]:
        """The clips that can be read, each with what was measured."""
        pairs = zip(self.corpus.clips, self.qualities, strict=True)
        return [(clip, quality) for clip, quality in pairs if isinstance(quality, Quality)]

    @cached_property
    def labels(self) -> list[str]:
        """The labels of clips that can be read, in alphabetical order."""
        return sorted({clip.label for clip, _ in self.clips})

    @cached_property
    def troubles(self) -> list[str]:
        """What is wrong with each clip of the corpus, "" for nothing."""
        first: dict[str, Clip] = {}
        return [
            "; ".join(_troubles(clip, quality, first))
            for clip, quality in zip(self.corpus.clips, self.qualities, strict=True)
        ]

    def counts(self) -> dict[str, dict[str, Counter[str]]]:
        """Clips of each label, for each value of each attribute: `counts["sex"]["female"]["angry"]`."""
        found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for clip, quality in self.clips:
            known = {"label": clip.label, "speaker": clip.speaker} | clip.attributes
            if not self.corpus.speakers_known:
                del known["speaker"]
            known |= {name: str(getattr(quality, name)) for name in MEASURED if getattr(quality, name)}
            for name, value in known.items():
                if not name.startswith("vote_"):
                    found[name][value][clip.label] += 1
        return {name: dict(sorted(values.items(), key=_in_order)) for name, values in found.items()}

    def candidates(self, label: str, seed: int | None) -> list[int]:
        """Rows of the clips of a label, the best example first.

        Without trouble; of the voice that has most of the labels, so that emotions and not voices are compared; of
        about the label's median duration. With a seed, any voice that has as many labels, and any duration.
        """
        rows = [row for row, clip in enumerate(self.corpus.clips) if clip.label == label]
        durations = {row: _duration(self.qualities[row]) for row in rows}
        median = float(np.median(list(durations.values())))
        rng = None if seed is None else np.random.default_rng(seed)
        voice = self._voices[0 if rng is None else rng.integers(len(self._voices))]

        def liking(row: int) -> tuple[bool, bool, float]:
            clip = self.corpus.clips[row]
            distance = abs(durations[row] - median) if rng is None else rng.random()
            return bool(self.troubles[row]), clip.speaker != voice, distance

        return sorted(rows, key=liking)

    @cached_property
    def _voices(self) -> list[str]:
        """The speakers that have most of the labels, in alphabetical order."""
        of_speaker: dict[str, set[str]] = defaultdict(set)
        for clip, trouble in zip(self.corpus.clips, self.troubles, strict=True):
            of_speaker[clip.speaker] |= set() if trouble else {clip.label}
        most = max(map(len, of_speaker.values()))
        return sorted(speaker for speaker, labels in of_speaker.items() if len(labels) == most)

    def example(self, label: str, seed: int | None) -> "Example | None":
        """The best of the candidates that can be read."""
        for row in self.candidates(label, seed):
            clip = self.corpus.clips[row]
            if self.table:
                bands = self.table.log_mel(np.array([row]))[0]
                return Example(clip, None, bands, int(self.table.frames[row]))
            try:
                samples = load(clip.path, WINDOW_SECONDS)
            except (SerBatchError, OSError):
                continue
            frames = features.true_frames(len(samples))
            samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
            return Example(clip, samples, features.log_mel(samples), frames)
        return None


def relabelled(corpus: Corpus, mapping: dict[str, str]) -> Corpus:
    """The corpus with its labels mapped; clips whose label becomes "" are left out.

    Raises:
        SerBatchError: no clip is left.
    """
    clips = [replace(clip, label=mapping.get(clip.label, clip.label)) for clip in corpus.clips]
    kept = [clip for clip in clips if clip.label]
    if not kept:
        raise SerBatchError(f"{corpus.name}: the mapping leaves no clip: give some label one to become")
    return replace(corpus, clips=kept)


def from_table(table: FeatureTable) -> Material:
    """The clips of a stored feature table, which tells no more than their first 3.0 s."""
    clips = [
        Clip("", name, label, speaker, {key: column[row] for key, column in table.attributes.items()})
        for row, (name, label, speaker) in enumerate(
            zip(table.names, table.labels, table.speakers, strict=True)
        )
    ]
    durations = np.minimum(table.frames * HOP / SAMPLE_RATE, WINDOW_SECONDS).tolist()
    return Material(Corpus(table.corpus, clips, []), [Quality(each) for each in durations], table)


def clip_rows(material: Material) -> Iterator[list[str | float | None]]:
    """The rows of clips.csv, after its header: what is known of every clip."""
    names = list(dict.fromkeys(name for clip in material.corpus.clips for name in clip.attributes))
    measured = [name for name in asdict(Quality()) if name != "digest"]
    yield ["file", "label", "speaker", *names, *measured, "trouble"]
    rows = zip(material.corpus.clips, material.qualities, material.troubles, strict=True)
    for clip, quality, trouble in rows:
        figures = asdict(quality if isinstance(quality, Quality) else Quality())
        told = [clip.attributes.get(name, "") for name in names]
        of_clip = [clip.path or clip.name, clip.label, clip.speaker, *told]
        yield [*of_clip, *(figures[name] for name in measured), trouble]


def count_rows(material: Material) -> Iterator[list[str | float | None]]:
    """The rows of counts.csv, after its header: clips of each label, by each attribute."""
    yield ["attribute", "value", "clips", *material.labels]
    for name, values in material.counts().items():
        for value, by_label in values.items():
            yield [name, value, by_label.total(), *(by_label[label] for label in material.labels)]


def _troubles(clip: Clip, quality: Quality | str, first: dict[str, Clip]) -> Iterator[str]:
    """What is wrong with a clip; `first` has the first clip of each digest that was seen."""
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


def _duration(quality: Quality | str) -> float:
    return quality.duration or 0.0 if isinstance(quality, Quality) else 0.0


def _in_order(item: tuple[str, object]) -> tuple[bool, float, str]:
    """Numbers by their size, before words."""
    value = item[0]
    number = value.isdecimal()
    return not number, float(value) if number else 0.0, value
