"""Labelled corpora: features, training, evaluation."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_batch.api.paths import PathLike, listed
from ser_batch.errors import UsageError
from ser_batch.extras import require

if TYPE_CHECKING:
    from ser_batch.corpora.feature_table import FeatureTable
    from ser_batch.evaluation.evaluate import Evaluation
    from ser_batch.evaluation.several import Evaluations
    from ser_batch.model.bundle import Bundle
    from ser_batch.training.views import Views


def features(
    corpora: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    labels: PathLike | Mapping[str, str] | None = None,
    denoise: str | None = None,
    views: int = 0,
    noise: PathLike | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> "FeatureTable":
    """The feature table of a labelled corpus, or of several together; what `ser-batch features` does.

    Args:
        corpora: folders, CSV files, or stored tables.
        output: `.npz` file to store it in.
        labels: as for `train`.
        denoise: noise reduction before the features: `off` (default), `gate` or `noisereduce`.
        views: number of copies of each clip in other rooms, stored beside `output` in a folder `.views`, for training.
        noise: folder of recorded noise, which is added in some of the views.
        jobs: processes; by default as many as the cores this process may use.
        progress: draw a bar on stderr, and print the clips that are left out.

    Raises:
        SerBatchError: no corpus, no recognisable label, or no clip that can be read.
    """
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import read_mapping

    if views:
        from ser_batch.engine.limits import default_jobs
        from ser_batch.training.views import SUFFIX, compute_views

    mapping = read_mapping(labels)
    tables = [_table(corpus, mapping, denoise or "off", jobs, progress) for corpus in listed(corpora)]
    table, notes = join(tables, mapping, only_shared=True)
    if progress:
        _say(notes)
    if output is not None:
        table.save(Path(output))
    if views:
        if output is None or not table.paths:
            raise UsageError(
                f"{table.corpus}: views need its audio, and an output file beside which they are stored"
            )
        folder = Path(output).with_suffix(SUFFIX)
        compute_views(table, folder, views, 0, fspath(noise or ""), jobs or default_jobs(), not progress)
    return table


def train(
    corpora: PathLike | Sequence[PathLike],
    output: PathLike,
    *,
    recipe: PathLike = "fast",
    settings: Mapping[str, Any] | None = None,
    init_from: PathLike | None = None,
    average: Sequence[PathLike] = (),
    labels: PathLike | Mapping[str, str] | None = None,
    features: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    validation: float = 0.12,
    test: float = 0.15,
    test_fold: str | None = None,
    cross_validate: bool = False,
    folds: int = 5,
    rooms: PathLike | Sequence[PathLike] = (),
    denoise: str | None = None,
    resume: bool = False,
    jobs: int | None = None,
    progress: bool = False,
    command: str = "",
) -> "Bundle":
    """Train a model and write its bundle; what `ser-batch train` does.

    Args:
        corpora: one as for `features`, or several to train on together.
        output: folder for the bundle; its name becomes the model's.
        recipe: `fast`, `large` or a TOML file: the fields of `ser_batch.training.options.TrainOptions`.
        settings: values for single keys of the recipe, such as `{"augmentation.noise_share": 0.35}`.
        init_from: a bundled model's name, or a folder that `train` wrote: its weights are the initial ones, except
            those of the last layer where the labels differ.
        average: folders of models whose probabilities are averaged; nothing is trained. With `cross_validate` their
            networks of the same fold are averaged, so they must be cross-validated on the same corpus.
        labels: label mapping: `six`, a CSV with the columns from,to, or a mapping; "" leaves clips out.
        features: input of the network, `mfcc` or `logmel`; by default as the recipe says.
        epochs: of each stage, at most; by default as the recipe says.
        seed: of all random numbers.
        validation: share of the speakers for early stopping and temperature; 0 for none.
        test: share of the speakers for the card's figures; 0 for none.
        test_fold: hold out this fold of the corpus's own instead.
        cross_validate: train once for each fold, holding it out; then once on all of them.
        folds: number of folds where the corpus has none of its own.
        rooms: other corpora that the final model is also measured on, for the card; nothing is fitted to them.
        denoise: noise reduction before the features, by default `off` or that of `init_from`; a stored table keeps its
            own.
        resume: continue an interrupted training in `output`.
        jobs: processes for the features.
        progress: draw bars on stderr.
        command: command line, for the card.

    Raises:
        UsageError: no such recipe, key or model.
        SerBatchError: no corpus, too few labels or speakers, or a folder that cannot be written.
    """
    require("train", "train")
    from ser_batch.audio.noise import read_noise
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import read_mapping
    from ser_batch.engine.limits import default_jobs
    from ser_batch.evaluation.several import titles_of
    from ser_batch.model.bundle import load_bundle
    from ser_batch.training.job import Job
    from ser_batch.training.options import HoldOut
    from ser_batch.training.recipe import read_recipe
    from ser_batch.training.teacher import Teacher
    from ser_batch.training.train import fit

    given = {"features": features, "epochs": epochs}
    changes = {**(settings or {}), **{key: value for key, value in given.items() if value is not None}}
    stages = read_recipe(fspath(recipe), changes)
    options = stages[-1]
    hold_out = HoldOut(validation, test, test_fold, cross_validate, folds)
    start = load_bundle(init_from) if init_from else None
    members = [load_bundle(each) for each in average]
    noise = read_noise(options.noise) if options.noise else None
    test_noises = [read_noise(each) for each in options.test_noise]
    mapping = read_mapping(labels)
    denoise = denoise or next((each.denoise for each in (start, *members) if each), "off")
    tables = [_table(corpus, mapping, denoise, jobs, progress) for corpus in listed(corpora)]
    table, notes = join(tables, mapping, only_shared=True)
    if progress:
        _say(notes)
    paths = list(listed(rooms))
    measured = [_table(each, mapping, denoise, jobs, progress) for each in paths]
    titles = titles_of((each.corpus, fspath(path)) for each, path in zip(measured, paths, strict=True))
    others = [join([each], mapping, only_shared=False)[0] for each in measured]
    teacher = options.distillation.teacher
    job = Job(
        table,
        stages,
        hold_out,
        seed,
        fspath(recipe),
        start=start,
        members=members,
        teacher=Teacher.load(Path(teacher), table) if teacher else None,
        noise=noise,
        test_noises=test_noises,
        views=_views_beside(listed(corpora), table) if options.rooms.views else None,
        jobs=jobs or default_jobs(),
        rooms=[*zip(titles, others, strict=True)],
        mapping=mapping,
        quiet=not progress,
        command=command,
    )
    return fit(job, output, resume)


def _views_beside(corpora: Iterable[PathLike], table: "FeatureTable") -> "Views | None":
    """The views that were stored beside a feature table, if this is one."""
    from ser_batch.training.views import SUFFIX, Views

    path, *others = (Path(corpus) for corpus in corpora)
    if others or path.suffix != ".npz" or not path.with_suffix(SUFFIX).exists():
        return None
    return Views.open(path.with_suffix(SUFFIX), table)


def evaluate(
    corpus: PathLike,
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
        corpus: as for `features`.
        model: a bundled model's name, or a folder that `train` wrote.
        output: folder for the figures, the confusion matrix and the predicted/actual table.
        labels: as for `train`; by default as the model's card says.
        where: only clips with these attributes, such as `{"fold": "2"}`.
        held_out: only the speakers that the model's training held out for test.
        noise: `white`, folders of recorded noise, or both: the clips are also measured with it,
        snr: at each of these signal-to-noise ratios in dB.
        denoise: noise reduction before the features; by default as the model's card says.
        jobs: processes for the features.
        progress: draw bars on stderr.

    Raises:
        SerBatchError: no corpus, no such model, or no label that both have.
    """
    from ser_batch.audio.noise import read_noise
    from ser_batch.corpora.joining import join
    from ser_batch.corpora.mapping import read_mapping
    from ser_batch.evaluation.evaluate import evaluate_bundle, held_out_clips
    from ser_batch.model.bundle import load_bundle

    if output is not None:
        require("evaluate with a folder for pictures", "explore")
    bundle = load_bundle(model)
    noises = [read_noise(fspath(each)) for each in listed(noise)]
    mapping = bundle.mapping if labels is None else read_mapping(labels)
    table = _table(corpus, mapping, denoise or bundle.denoise, jobs, progress)
    table, notes = join([table], mapping, only_shared=False)
    if held_out:
        table = held_out_clips(bundle, table)
    for column, value in (where or {}).items():
        table = table.where(column, value)
    evaluation = evaluate_bundle(bundle, table, tuple(notes), noises, snr, quiet=not progress)
    if output is not None:
        evaluation.save(output)
    return evaluation


def evaluate_all(
    corpora: Sequence[PathLike],
    model: PathLike = "crema-d",
    output: PathLike | None = None,
    **options: Any,
) -> "Evaluations":
    """Measure a model on several corpora, one by one; what `ser-batch evaluate` does with more than one.

    Args:
        corpora: each as for `features`.
        model: as for `evaluate`.
        output: folder for corpora.csv, corpora.png and a folder for each corpus.
        options: as for `evaluate`.

    Raises:
        SerBatchError: as for `evaluate`.
    """
    from ser_batch.evaluation.several import Evaluations, titles_of

    if output is not None:
        require("evaluate with a folder for pictures", "explore")
    each = [evaluate(corpus, model, **options) for corpus in corpora]
    titles = titles_of((one.corpus, fspath(path)) for one, path in zip(each, corpora, strict=True))
    evaluations = Evaluations(dict(zip(titles, each, strict=True)))
    if output is not None:
        evaluations.save(output)
    return evaluations


def _table(
    corpus: PathLike, mapping: Mapping[str, str], denoise: str, jobs: int | None, progress: bool
) -> "FeatureTable":
    """The feature table of a corpus, with the paths of its audio where it is not a stored table."""
    if denoise == "noisereduce":
        require("denoise noisereduce", "noisereduce")
    from ser_batch.api.progress import clip_bar
    from ser_batch.corpora.feature_table import FeatureTable
    from ser_batch.corpora.read import read_corpus
    from ser_batch.engine.limits import default_jobs
    from ser_batch.training.feature_extraction import extract_table

    if Path(corpus).suffix == ".npz":
        return FeatureTable.load(Path(corpus))

    found = read_corpus(corpus, mapping)
    table, failed = extract_table(found, denoise, jobs or default_jobs(), clip_bar("features", progress))
    if progress:
        _say(f"left out: {path}: {reason}" for path, reason in [*found.skipped, *failed])
        _say(f"{fspath(corpus)}: {note}" for note in found.notes)
    paths = {clip.name: clip.path for clip in found.clips}
    return replace(table, paths=[paths[name] for name in table.names])


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)
