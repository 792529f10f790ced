"""Training options: network, optimisation, augmentation, distillation; and the clips that are held out.

`recipes/fast.toml` has the meaning and the default of each key.
"""

from dataclasses import dataclass, field

from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.front_end import FEATURES
from ser_batch.errors import UsageError

NETWORKS = ("cnn", "whisper")
AUGMENTATIONS = ("spectrogram", "waveform", "none")
WEIGHTS = ("float32", "float16", "int8")
TIME_STRIDE = 4  # frames of the spectrogram to one of the CNN


@dataclass(frozen=True)
class CnnSizes:
    """Sizes of the CNN."""

    stem: int = 32
    widths: tuple[int, ...] = (32, 64, 96)
    temporal: int = 192
    attention_heads: int = 2
    dropout: float = 0.4


@dataclass(frozen=True)
class ClassifierSizes:
    """Sizes of the classifier on the Whisper encoder."""

    heads: int = 1
    width: int = 256
    attention_heads: int = 4
    hidden: int = 256
    frame_dropout: float = 0.2
    dropout: float = 0.5
    frames_averaged: int = 2


@dataclass(frozen=True)
class EncoderOptions:
    """The Whisper encoder and its training."""

    weights: str = ""
    learning_rate: float = 0.15
    decay: float = 0.8
    kept_change: float = 0.85
    views: int = 4


@dataclass(frozen=True)
class Distillation:
    """Distillation from a teacher."""

    teacher: str = ""
    frames: float = 1.0
    clip: float = 0.5
    labels: float = 0.5


@dataclass(frozen=True)
class Rooms:
    """Views of the clips in other rooms."""

    views: int = 0
    share: float = 0.7


@dataclass(frozen=True)
class NoiseFloorOptions:
    """Random changes of the noise floor in training."""

    level_db: float = 15.0
    colour_db: float = 3.0


@dataclass(frozen=True)
class TrainOptions:
    """Options of one stage of a training. A recipe is one or more of them; the defaults are those of `fast`."""

    network: str = "cnn"
    features: str = "mfcc"
    weights: str = "int8"
    mixed_precision: bool = True
    epochs: int = 24
    patience: int = 20
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    average: float = 0.996
    label_smoothing: float = 0.05
    votes: float = 0.1
    class_weights: bool = True
    noise: str = ""
    test_noise: tuple[str, ...] = ()
    augment: str = "spectrogram"
    augmentation: Strengths = field(default_factory=lambda: Strengths(recorded_share=0.35))
    floor: NoiseFloorOptions = field(default_factory=NoiseFloorOptions)
    rooms: Rooms = field(default_factory=Rooms)
    distillation: Distillation = field(default_factory=Distillation)
    cnn: CnnSizes = field(default_factory=CnnSizes)
    classifier: ClassifierSizes = field(default_factory=ClassifierSizes)
    encoder: EncoderOptions = field(default_factory=EncoderOptions)

    @property
    def frozen_encoder(self) -> bool:
        """Whether the classifier is trained on an encoder that does not change."""
        return self.network == "whisper" and not self.encoder.learning_rate

    @property
    def mixup_behind_encoder(self) -> bool:
        """Whether mixup blends the encoder's outputs, and not the spectrograms."""
        return self.network == "whisper" and self.augment == "spectrogram" and self.augmentation.mixup > 0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("network", self.network, NETWORKS),
            ("augment", self.augment, AUGMENTATIONS),
            ("features", self.features, FEATURES),
            ("weights", self.weights, WEIGHTS),
        ):
            if value not in known:
                raise UsageError(f"{name} = {value}: not known: choose among {', '.join(known)}")
        for name, number, least in (
            ("epochs", self.epochs, 1),
            ("patience", self.patience, 1),
            ("batch_size", self.batch_size, 2),
            ("classifier.heads", self.classifier.heads, 1),
            ("rooms.views", self.rooms.views, 0),
        ):
            if number < least:
                raise UsageError(f"{name} = {number}: too small: give {least} or more")
        for name, share in (
            ("votes", self.votes),
            ("label_smoothing", self.label_smoothing),
            ("distillation.labels", self.distillation.labels),
            ("rooms.share", self.rooms.share),
        ):
            if not 0 <= share <= 1:
                raise UsageError(f"{name} = {share:g}: not a share: give a number between 0 and 1")


@dataclass(frozen=True)
class HoldOut:
    """The clips that are held out of a training, by speaker.

    Attributes:
        validation: share of the speakers that stop the training and set the temperature; 0 for none.
        test: share of the speakers held out for the figures in the card; 0 for none.
        test_fold: hold out this one of the corpus's own folds instead.
        cross_validate: train once for each fold, holding it out; then once on all of them.
        folds: number of folds to make where the corpus has none of its own.
    """

    validation: float = 0.12
    test: float = 0.15
    test_fold: str | None = None
    cross_validate: bool = False
    folds: int = 5

    def __post_init__(self) -> None:
        for name, share in (("--validation", self.validation), ("--test", self.test)):
            if not 0 <= share < 1:
                raise UsageError(
                    f"{name} {share:g}: not a share of the speakers: give a number from 0 to below 1"
                )
        if self.folds < 2:
            raise UsageError(f"--folds {self.folds}: too few: give 2 or more")
        if self.cross_validate and self.test_fold is not None:
            raise UsageError("--cross-validate holds out every fold: leave out --test-fold")
