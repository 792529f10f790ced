"""Command `ser-batch train`."""

from pathlib import Path
from typing import Any

import click

from ser_batch.cli import shared
from ser_batch.cli.config import configurable


@click.command(epilog="Example: ser-batch train CREMA-D -o my-model")
@shared.corpora
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Directory for the model; its name becomes the model's.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Epochs without a lower loss on the validation speakers before training stops.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=2), default=32, show_default=True, help="Clips in a batch."
)
@click.option("--learning-rate", type=float, default=1.5e-3, show_default=True, help="Its peak.")
@click.option(
    "--augment",
    "augmentation",
    type=click.Choice(("spectrogram", "waveform", "none")),
    default="spectrogram",
    show_default=True,
    help="Vary spectrograms (quick), or the audio (noise, stretch, shift, pitch; slow, needs the files).",
)
@click.option(
    "--features",
    type=click.Choice(("mfcc", "logmel")),
    default="mfcc",
    show_default=True,
    help="What the network takes; the annotator follows the card.",
)
@click.option(
    "--init-from",
    metavar="NAME|DIR",
    help="Begin with a model's weights, save those of the last layer where the labels differ.",
)
@click.option(
    "--auxiliary",
    default="",
    metavar="NAME,…",
    help="Tell these attributes, too, while training: sex,level,sentence for CREMA-D.",
)
@click.option(
    "--encoder",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Train the large network, which begins with the arrays of Whisper tiny.en's encoder in this file.",
)
@click.option("--freeze-encoder", is_flag=True, help="Train only what stands upon the encoder: minutes.")
@click.option(
    "--judges",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Heads upon the encoder, which learn each for itself; their mean is the answer.",
)
@click.option(
    "--thaw",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Go on with what --freeze-encoder trained in this folder, fold by fold, and tune the encoder, too.",
)
@click.option(
    "--ensemble",
    type=click.Path(exists=True, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="Train nothing: take the mean of the networks in this folder and others, trained with the same division.",
)
@click.option(
    "--teacher",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Imitate a larger network, too: what models/make_teacher.py wrote for the same table.",
)
@click.option(
    "--noise",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Mix the noise recorded in this folder with the clips while training, beside synthetic noise.",
)
@click.option(
    "--noise-share",
    type=click.FloatRange(0, 1),
    default=0.15,
    show_default=True,
    help="Share of the clips that recorded noise is mixed with.",
)
@click.option(
    "--test-noise",
    multiple=True,
    metavar="white|DIR",
    help="Measure held-out clips under white noise or that of a folder, too, for the card; repeatable.",
)
@click.option(
    "--validation",
    type=click.FloatRange(0, 0.9),
    default=0.12,
    show_default=True,
    help="Share of the speakers that stop the training and set the temperature; 0 for none.",
)
@click.option(
    "--test",
    type=click.FloatRange(0, 0.9),
    default=0.15,
    show_default=True,
    help="Share of the speakers held out for the card's figures; 0 for none.",
)
@click.option("--test-fold", metavar="FOLD", help="Hold out this fold of the corpus's own instead.")
@click.option("--cross-validate", is_flag=True, help="Hold out each fold once, then train on all of them.")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Folds to make where the corpus has none of its own.",
)
@click.option(
    "--split",
    type=click.Choice(("speakers", "random")),
    default="speakers",
    show_default=True,
    help="`random` splits by clip: a LEAK, the same voices on every side, for comparison alone.",
)
@click.option(
    "--votes",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of the target that listeners' votes get, where the corpus has them.",
)
@click.option(
    "--label-smoothing",
    type=click.FloatRange(0, 0.5),
    default=0.05,
    show_default=True,
    help="Share of the target that is spread over all labels.",
)
@click.option(
    "--weights",
    type=click.Choice(("float32", "float16", "int8")),
    default="float32",
    show_default=True,
    help="Precision of the exported weights.",
)
@click.option(
    "--mixed-precision", is_flag=True, help="Train in bfloat16 where it is safe: quicker on new CPUs."
)
@shared.labels
@shared.denoise
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is drawn.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training in DIR.")
@shared.jobs
@shared.quiet
@configurable
def command(corpora: tuple[str, ...], output: Path, auxiliary: str, quiet: bool, **options: Any) -> None:
    """Train a model on CORPUS, or on several together.

    CORPUS is a folder of CREMA-D, RAVDESS, TESS, SAVEE or EMO-DB, a folder with one folder an emotion, a CSV file
    with the columns file,label[,speaker], or a table stored by `ser-batch features`. Speakers are held out whole.
    Of several corpora, labels that only one has are left out unless --labels says what becomes of them.
    """
    import shlex
    import sys

    from rich.console import Console

    import ser_batch
    from ser_batch.evaluation.terminal_tables import card_tables

    typed = shlex.join(["ser-batch", *sys.argv[1:]])
    options["auxiliary"] = tuple(filter(None, auxiliary.split(",")))
    try:
        bundle = ser_batch.train(list(corpora), output, progress=not quiet, command=typed, **options)
    except KeyboardInterrupt:
        from ser_batch.training.fitting import CHECKPOINT_FILE

        if not any(output.rglob(CHECKPOINT_FILE)):
            raise
        resume = "" if options["resume"] else " --resume"
        stopped = click.ClickException(f"interrupted; to go on after the last whole epoch: {typed}{resume}")
        stopped.exit_code = 130  # type: ignore[misc]
        raise stopped from None
    if not quiet:
        Console(stderr=True).print(*card_tables(bundle.card))
    click.echo(f"{bundle.name} is in {bundle.path}: ser-batch annotate --model {bundle.path} …", err=True)
