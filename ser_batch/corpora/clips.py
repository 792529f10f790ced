"""Labelled clips, and the names of the emotions with their synonyms."""

from dataclasses import dataclass, field
from pathlib import Path

from ser_batch.inputs.paths import relative

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad")

# Words and abbreviations in corpora and folder names: lower case, `_` for blanks and hyphens.
# Labels beyond the six of CREMA-D stay labels of their own: `--labels` maps them.
SYNONYMS = {
    "angry": ("angry", "anger", "ang"),
    "disgust": ("disgust", "disgusted", "dis"),
    "fear": ("fear", "fearful", "fea", "afraid", "scared", "anxiety", "anxious"),
    "happy": ("happy", "happiness", "hap", "joy", "joyful"),
    "neutral": ("neutral", "neu"),
    "sad": ("sad", "sadness"),
    "calm": ("calm",),
    "surprised": ("surprised", "surprise", "sur", "ps", "pleasant_surprise", "pleasant_surprised"),
    "bored": ("bored", "boredom"),
    "contempt": ("contempt",),
    "excited": ("excited", "excitement", "exc"),
    "frustrated": ("frustrated", "frustration", "fru"),
}
_LABEL_OF = {word: label for label, words in SYNONYMS.items() for word in words}


SPEAKERS_UNKNOWN = "so each clip counts as a speaker: figures on held-out clips say little about new speakers"


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording of one speaker with one intended emotion.

    Attributes:
        path: the audio file, or a stretch of it (`ser_batch.stretches`).
        name: its POSIX path relative to the corpus, without suffix, with the times of a stretch; unique in the corpus.
        label: one of `LABELS`, or another label of the corpus.
        speaker: identifies the speaker within the corpus.
        attributes: other columns of the corpus: sex (`female`, `male`), age, level, sentence …
    """

    path: str
    name: str
    label: str
    speaker: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A labelled corpus.

    Attributes:
        name: the known corpus (`CREMA-D` …), or the name of its folder or CSV.
        clips: sorted by name.
        skipped: path and reason of each file that is left out.
        speakers_known: False where each file counts as a speaker of its own: a split by speaker is then a
            split by file, and its figures say little about new speakers.
        notes: for the user: what was inferred, and what was passed over.
    """

    name: str
    clips: list[Clip]
    skipped: list[tuple[str, str]]
    speakers_known: bool = True
    notes: list[str] = field(default_factory=list)


def canonical(word: str) -> str | None:
    """Return the label that a word or an abbreviation means, or None: `Fearful` → `fear`."""
    return _LABEL_OF.get(plain(word))


def plain(word: str) -> str:
    """Return a label in lower case, with `_` for blanks and hyphens."""
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def name_in(path: str, root: str) -> str:
    """Return the name of a clip: its POSIX path relative to the corpus, without suffix."""
    return relative(path, root).removesuffix(Path(path).suffix)


def stem(path: str) -> str:
    """Return the file name without folder and suffix."""
    return Path(path).stem
