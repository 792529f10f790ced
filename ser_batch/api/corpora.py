"""What is done with labelled corpora: features, training, evaluation."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_batch.api.paths import PathLike, listed
from ser_batch.errors import UsageError

if TYPE_CHECKING:
    from ser_batch.audio.augment_spectrogram import Strengths
    from ser_batch.corpora.feature_table import FeatureTable
    from ser_batch.evaluation.evaluate import Evaluation
    from ser_batch.model.bundle import Bundle
    from ser_batch.training.options import LargeArchitecture


def features(
    corpus: PathLike,
    output: PathLike | None = None,
    *,
    denoise: str | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> "FeatureTable":
    """The feature table of a labelled corpus; what `ser-batch features` does.

    Args:
        corpus: folder, CSV file, or a stored table, which is returned as it is.
        output: `.npz` file to store it in.
        denoise: noise reduction that the audio goes through first: `off` (default), `gate` or `noisereduce`.
        jobs: processes; by default as many as the cores this process may use.
        progress: draw a bar on stderr, and name there the clips that are left out.

    Raises:
        SerBatchError: no corpus, no recognisable label, or no clip that can be read.
    """
    table = _table(corpus, denoise or "off", jobs, progress)
    if output is not None:
        table.save(Path(output))
    return table


def train(
    corpora: PathLike | Sequence[PathLike],
    output: PathLike,
    *,
    labels: PathLike | Mapping[str, str] | None = None,
    denoise: str | None = None,
    jobs: int | None = None,
    init_from: PathLike | None = None,
    encoder: PathLike | None = None,
    freeze_encoder: bool = False,
    judges: int = 1,
    thaw: PathLike | None = None,
    ensemble: Sequence[PathLike] = (),
    teacher: PathLike | None = None,
    noise: PathLike | None = None,
    noise_share: float | None = None,
    test_noise: PathLike | Sequence[PathLike] = (),
    resume: bool = False,
    progress: bool = False,
    command: str = "",
    **options: Any,
) -> "Bundle":
    """Train a model and write its bundle; what `ser-batch train` does.

    Args:
        corpora: one as for `features`, or several to be trained on together.
        output: folder for the bundle; its name becomes the model's.
        labels: what labels become: `six`, a CSV with the columns from,to, or a mapping; "" leaves clips out.
        denoise: noise reduction before the features, by default `off` or what `init_from` was trained with; a stored
            table keeps its own.
        jobs: processes for the features.
        init_from: a bundled model's name, or a folder that `train` wrote: its weights are begun with, save those of
            the last layer where the labels differ.
        encoder: file of the arrays of Whisper tiny.en's encoder: the large network is trained, which begins with them.
        freeze_encoder: train only what stands upon the encoder, which hears each clip and augmented views of it but
            once; that takes minutes.
        judges: heads upon the encoder, which learn each for itself; the answer is the mean of their logits.
        thaw: folder that a training with `freeze_encoder` and the same division wrote: it is gone on with, fold by
            fold, and the encoder is tuned, too.
        ensemble: folders that trainings with the same division wrote: their networks' mean, nothing is trained.
        teacher: file of what a larger network makes of each clip, to be imitated besides.
        noise: folder of recorded noise, to be mixed with the clips while training,
        noise_share: and with what share of them.
        test_noise: `white`, folders of recorded noise, or both: held-out clips are measured with it, too, for the card.
        resume: go on with an interrupted training in `output`.
        progress: draw bars on stderr.
        command: how the training was asked for, for the card.
        options: the fields of `ser_batch.training.options.TrainOptions`.

    Raises:
        SerBatchError: no corpus, too few labels or speakers, or a folder that cannot be written.
    """
    from ser_batch.audio.augment_spectrogram import Strengths
    from ser_batch.audio.noise import read_noise
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import read_mapping
    from ser_batch.model.bundle import load_bundle
    from ser_batch.training.options import TrainOptions
    from ser_batch.training.task import Task
    from ser_batch.training.teacher import Teacher
    from ser_batch.training.train import fit

    if encoder:
        sizes, strengths = _upon_encoder(judges, freeze_encoder, thaw)
        options = {"architecture": sizes, "strengths": strengths, **options}
    if noise_share is not None:
        strengths = options.get("strengths", Strengths())
        options["strengths"] = replace(strengths, recorded_share=noise_share)
    checked = TrainOptions(**options)
    start = load_bundle(init_from) if init_from else None
    recorded = read_noise(fspath(noise)) if noise else None
    mapping = read_mapping(labels)
    denoise = denoise or (start.denoise if start else "off")
    tables = [_table(corpus, denoise, jobs, progress) for corpus in listed(corpora)]
    table, notes = join(tables, mapping, only_shared=True)
    if progress:
        _say(notes)
    task = Task(
        table,
        checked,
        start=start,
        encoder=Path(encoder) if encoder else None,
        thaw=Path(thaw) if thaw else None,
        ensemble=[Path(folder) for folder in ensemble],
        teacher=Teacher.load(Path(teacher), table) if teacher else None,
        noise=recorded,
        test_noises=[read_noise(fspath(each)) for each in listed(test_noise)],
        mapping=mapping,
        quiet=not progress,
        command=command,
    )
    return fit(task, output, resume)


def evaluate(
    corpora: PathLike | Sequence[PathLike],
    model: PathLike = "crema-d",
    output: PathLike | None = None,
    *,
    labels: PathLike | Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    held_out: bool = False,
    noise: PathLike | Sequence[PathLike] = (),
    snr: Sequence[float] = (20, 10, 5, 0),
    denoise: str | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> "Evaluation":
    """Measure a model on a labelled corpus; what `ser-batch evaluate` does.

    Args:
        corpora: one as for `features`, or several.
        model: a bundled model's name, or a folder that `train` wrote.
        output: folder for the figures, the confusion matrix and the predicted/actual table.
        labels: as for `train`; by default as the model's card says.
        where: only clips with these attributes, such as `{"fold": "2"}`.
        held_out: only the speakers that the model's training held out for test.
        noise: `white`, folders of recorded noise, or both: the clips are measured with it, too,
        snr: at each of these signal-to-noise ratios in dB.
        denoise: noise reduction before the features; by default as the model's card says.
        jobs: processes for the features.
        progress: draw bars on stderr.

    Raises:
        SerBatchError: no corpus, no such model, or no label that both know.
    """
    from ser_batch.audio.noise import read_noise
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import read_mapping
    from ser_batch.evaluation.evaluate import evaluate_bundle, held_out_clips
    from ser_batch.model.bundle import load_bundle

    bundle = load_bundle(model)
    noises = [read_noise(fspath(each)) for each in listed(noise)]
    mapping = bundle.mapping if labels is None else read_mapping(labels)
    tables = [_table(corpus, denoise or bundle.denoise, jobs, progress) for corpus in listed(corpora)]
    table, notes = join(tables, mapping, only_shared=False)
    if held_out:
        table = held_out_clips(bundle, table)
    for column, value in (where or {}).items():
        table = table.where(column, value)
    evaluation = evaluate_bundle(bundle, table, tuple(notes), noises, snr, quiet=not progress)
    if output is not None:
        evaluation.save(output)
    return evaluation


def _upon_encoder(
    judges: int, frozen: bool, thaw: PathLike | None
) -> tuple["LargeArchitecture", "Strengths"]:
    """How large what stands upon the encoder is, and how its clips are augmented; mixup is behind the encoder."""
    from ser_batch.audio.augment_spectrogram import Strengths
    from ser_batch.model.bundle import load_bundle
    from ser_batch.training.options import LargeArchitecture, recorded_architecture

    sizes = LargeArchitecture(judges=judges)
    if frozen:
        return replace(sizes, encoder_rate=0, frames_together=2), Strengths(time_masks=2, mixup=0.4)
    if not thaw:
        return sizes, Strengths()
    before = recorded_architecture(load_bundle(thaw).card)
    if not isinstance(before, LargeArchitecture):
        raise UsageError(
            f"{fspath(thaw)} holds no network upon a frozen encoder: train one (--freeze-encoder)."
        )
    return replace(before, encoder_rate=sizes.encoder_rate), Strengths(mixup=0.4)


def _table(corpus: PathLike, denoise: str, jobs: int | None, progress: bool) -> "FeatureTable":
    """The feature table of a corpus, with the paths of its audio where it is not a stored table."""
    from tqdm.auto import tqdm

    from ser_batch.corpora.feature_table import FeatureTable
    from ser_batch.corpora.read import read_corpus
    from ser_batch.engine.processes import default_jobs
    from ser_batch.training.feature_extraction import extract_table

    if Path(corpus).suffix == ".npz":
        return FeatureTable.load(Path(corpus))

    def bar(results: Any, total: int) -> Any:
        return tqdm(results, desc="features", total=total, unit="clip", disable=None if progress else True)

    found = read_corpus(corpus)
    table, failed = extract_table(found, denoise, jobs or default_jobs(), bar)
    said = [f"left out: {path}: {reason}" for path, reason in [*found.skipped, *failed]]
    if not found.speakers_known:
        said.append(
            f"{corpus}: no speakers can be told apart, so that every clip counts as a speaker: "
            "figures on held-out clips say little about new voices"
        )
    if progress:
        _say(said)
    paths = {clip.name: clip.path for clip in found.clips}
    return replace(table, paths=[paths[name] for name in table.names])


def _say(lines: list[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)
