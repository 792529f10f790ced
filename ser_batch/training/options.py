"""What a training can be told."""

from dataclasses import dataclass, field
from typing import Any

from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.front_end import FEATURES
from ser_batch.errors import UsageError

AUGMENTATIONS = ("spectrogram", "waveform", "none")
TIME_STRIDE = 4  # frames of the spectrogram to one of the network

# Below the loudest cell. How far silence lies below speech is the studio's affair: a network that sees it takes
# a quieter room than its corpus's for an emotion.
QUIETEST_FRAME_DB = -50.0
QUIETEST_CELL_DB = -60.0

SPLITS = ("speakers", "random")
WEIGHTS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Architecture:
    """Sizes of the network.

    Attributes:
        stem: channels of the first convolution, which quarters the frames and halves the bands.
        widths: channels of each residual stage; every stage halves the bands once more.
        temporal: channels of the convolutions over time that follow.
        heads: sets of attention weights over the frames.
        dropout: before the last layer.
    """

    stem: int = 32
    widths: tuple[int, ...] = (32, 64, 96)
    temporal: int = 192
    heads: int = 2
    dropout: float = 0.4


@dataclass(frozen=True)
class LargeArchitecture:
    """Sizes of what is put upon Whisper's encoder, and how fast the encoder itself is trained.

    Attributes:
        width: channels of each frame that is pooled.
        heads: sets of attention weights over the frames.
        hidden: units between the pooled frames and the logits.
        frame_dropout: of the encoder's outputs.
        dropout: before and after the hidden units.
        frames_together: of the encoder's 50 a second, how many are averaged to one before they are pooled.
        encoder_rate: learning rate of the encoder's last layer, a share of the head's (0: the encoder is not trained);
        rate_decay: and of each layer before it, a share of the one after.
        kept_change: share of what the training changed in the encoder that is kept in the end.
        judges: how many such heads learn side by side, each for itself; the answer is the mean of their logits.
    """

    width: int = 256
    heads: int = 4
    hidden: int = 256
    frame_dropout: float = 0.2
    dropout: float = 0.5
    frames_together: int = 1
    encoder_rate: float = 0.15
    rate_decay: float = 0.8
    kept_change: float = 0.85
    judges: int = 1


def recorded_architecture(card: dict[str, Any]) -> Architecture | LargeArchitecture:
    """The sizes of a trained network, as its card has them."""
    recorded: dict[str, Any] = card["training"]["options"]["architecture"]
    sizes: dict[str, Any] = {
        name: tuple(size) if isinstance(size, list) else size for name, size in recorded.items()
    }
    return LargeArchitecture(**sizes) if "encoder_rate" in sizes else Architecture(**sizes)


@dataclass(frozen=True)
class TrainOptions:
    """Every choice that a training depends on, apart from its clips; the card records them all.

    Attributes:
        epochs: at most; the learning rate falls to zero over so many.
        patience: epochs without a lower loss on the validation speakers after which training stops.
        batch_size: clips.
        learning_rate: its peak, after a tenth of the epochs.
        weight_decay: of AdamW; biases and batch norms have none.
        average: decay, a step, of the running average of the weights, which is what is kept.
        label_smoothing: share of the target spread over all classes.
        votes: share of the target that listeners' votes get, where the corpus has them.
        class_weights: let every class count alike, however many clips it has.
        augmentation: `spectrogram`, `waveform` or `none`.
        strengths: of the spectrogram augmentation.
        architecture: sizes of the network.
        features: what the network takes, `mfcc` or `logmel`.
        split: `speakers`, or `random`: by clip, a leak, for comparison with published figures alone.
        validation: share of the speakers that stop the training and set the temperature; 0 = none.
        test: share of the speakers held out for the figures in the card; 0 = none.
        test_fold: hold out this one of the corpus's own folds instead.
        cross_validate: train once for each fold, holding it out; then, for use, on all of them.
        folds: how many, where the corpus has none of its own.
        seed: of the split, the initial weights, the order and the augmentation.
        imitate_frames: weight of imitating a teacher frame by frame, where there is a teacher;
        imitate_clip: and of imitating it clip by clip;
        imitate_labels: share of the target that goes to what it lets other speakers' clips say of a clip.
        auxiliary: attributes of the corpus, such as `sex`, to tell besides the emotion while training,
        auxiliary_weight: and what each of them counts beside it.
        mixed_precision: compute in bfloat16 where it is safe.
        views: augmented ones of each clip, beside the clip itself, that a frozen encoder hears.
        weights: of the exported network: `float32`, `float16` or `int8`.
    """

    epochs: int = 50
    patience: int = 20
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    average: float = 0.996
    label_smoothing: float = 0.05
    votes: float = 0.1
    class_weights: bool = True
    augmentation: str = "spectrogram"
    strengths: Strengths = field(default_factory=Strengths)
    architecture: Architecture | LargeArchitecture = field(default_factory=Architecture)
    features: str = "mfcc"
    split: str = "speakers"
    validation: float = 0.12
    test: float = 0.15
    test_fold: str | None = None
    cross_validate: bool = False
    folds: int = 5
    seed: int = 0
    imitate_frames: float = 1.0
    imitate_clip: float = 0.5
    imitate_labels: float = 0.5
    auxiliary: tuple[str, ...] = ()
    auxiliary_weight: float = 0.1
    mixed_precision: bool = False
    views: int = 4
    weights: str = "float32"

    @property
    def frozen(self) -> bool:
        """Whether the network is trained upon an encoder that stays as it is."""
        return isinstance(self.architecture, LargeArchitecture) and not self.architecture.encoder_rate

    @property
    def mixed_inside(self) -> bool:
        """Whether mixup blends what the encoder makes of the clips, and not their spectrograms."""
        return isinstance(self.architecture, LargeArchitecture) and self.strengths.mixup > 0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("augmentation", self.augmentation, AUGMENTATIONS),
            ("features", self.features, FEATURES),
            ("split", self.split, SPLITS),
            ("weights", self.weights, WEIGHTS),
        ):
            if value not in known:
                raise UsageError(f"Unknown {name} {value!r}; choose among {', '.join(known)}.")
        if self.cross_validate and (self.split != "speakers" or self.test_fold is not None):
            raise UsageError(
                "Cross-validation holds out every fold by itself: give no split and no test fold."
            )
