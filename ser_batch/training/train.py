"""Training of a bundle: checks, split, cross-validation, fit."""

import shutil
from dataclasses import replace
from os import PathLike
from pathlib import Path

from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.bundle import CARD_FILE, Bundle
from ser_batch.training.averaging import check_members
from ser_batch.training.card import recorded_options
from ser_batch.training.cross_validation import cross_validate
from ser_batch.training.fitting import CHECKPOINTS, fit_one
from ser_batch.training.job import Job
from ser_batch.training.recipe import ALIKE
from ser_batch.training.splits import split
from ser_batch.training.views import Views, compute_views

VIEWS = "views"  # folder for the views of a training, in its output folder


def fit(job: Job, out: str | PathLike[str], resume: bool = False) -> Bundle:
    """Train a network on a corpus and write its bundle.

    With `cross_validate`, one bundle for each held-out fold goes to `out/folds/` first.

    Args:
        job: corpus, options and the rest.
        out: directory for the bundle; its name becomes the model's.
        resume: continue an interrupted training in `out`; the result is that of an uninterrupted one.

    Raises:
        SerBatchError: too few classes or speakers, `out` holds another training, or cannot be written.
    """
    out = Path(out)
    job = _with_start(job)
    _check(job)
    _check_folder(out, resume)
    job = _with_views(job, out)
    parts = split(job.table, job.hold_out, job.seed)
    bundle = fit_one(job, parts, out, cross_validate(job, out) if job.hold_out.cross_validate else None)
    shutil.rmtree(out / VIEWS, ignore_errors=True)
    return bundle


def _with_views(job: Job, out: Path) -> Job:
    """The job with the views that its options ask for, computed into the output folder if it has none."""
    n_views = max(options.rooms.views for options in job.stages)
    if not n_views or job.views:
        return job
    if not job.table.paths:
        raise UsageError(
            f"rooms.views = {n_views}: {job.table.corpus} is a stored table without views: "
            "make it by `ser-batch features --views N`, or give the corpus itself"
        )
    compute_views(job.table, out / VIEWS, n_views, job.seed, job.options.noise, job.jobs, job.quiet)
    return replace(job, views=Views.open(out / VIEWS, job.table))


def _with_start(job: Job) -> Job:
    """The job with network, sizes and features of the model that it starts from."""
    if job.start is None:
        return job
    recorded = recorded_options(job.start)
    if recorded.network != job.options.network:
        recipe = "large" if recorded.network == "whisper" else "fast"
        raise UsageError(
            f"{job.start.path}: its network is {recorded.network}, the recipe's is {job.options.network}: "
            f"give a recipe for {recorded.network}, such as --recipe {recipe}"
        )
    alike = {key: getattr(recorded, key) for key in ALIKE}
    return replace(job, stages=tuple(replace(options, **alike) for options in job.stages))


def _check(job: Job) -> None:
    corpus, hold_out = job.table.corpus, job.hold_out
    if len(job.labels) < 2:
        raise SerBatchError(
            f"{corpus}: {len(job.labels)} emotion ({', '.join(job.labels)}): training needs two or more"
        )
    if job.members:
        check_members(job.members, job.labels)
        return
    if job.options.network == "whisper" and not (job.start or job.encoder):
        raise UsageError(
            "encoder.weights is not set: this network starts from Whisper's encoder: give the file of its arrays "
            "(--set encoder.weights=FILE)"
        )
    for options in job.stages:
        if options.augment == "waveform" and not job.table.paths:
            raise SerBatchError(
                f"{corpus}: a stored table has no audio, which augment = waveform needs: give the corpus itself, "
                "or leave augment at spectrogram"
            )
        if options.augment == "waveform" and (job.teacher or options.frozen_encoder):
            raise UsageError(
                "augment = waveform: not with a teacher or a frozen encoder: leave it at spectrogram"
            )
        if options.augment != "spectrogram" and job.noise:
            raise UsageError(
                f"augment = {options.augment}: recorded noise needs spectrogram: change one of them"
            )
    if job.test_noises and not (hold_out.test or hold_out.test_fold or hold_out.cross_validate):
        raise UsageError(
            "test_noise: no clips are held out to measure under noise: give --test or --cross-validate"
        )
    too_late = job.noise or (job.test_noises and not job.table.paths)
    if job.table.denoise != "off" and too_late:
        raise UsageError(
            f"{corpus}: this table is after noise reduction, and noise comes before it: use a table without"
        )


def _check_folder(out: Path, resume: bool) -> None:
    if not resume and any(out.rglob(CHECKPOINTS)):
        raise SerBatchError(
            f"{out}: holds an unfinished training: resume it (--resume), or remove the folder"
        )
    if not resume and (out / CARD_FILE).exists():
        raise SerBatchError(f"{out}: holds a model already: choose another folder, or remove it")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".writable").touch()
        (out / ".writable").unlink()
    except OSError as error:
        raise SerBatchError(f"{out}: cannot be written ({error.strerror}): choose another folder") from error
