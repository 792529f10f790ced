"""Model card of a trained bundle: labels, front end, corpus, recipe, figures, limits."""

import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ser_batch.audio.front_end import FRONT_END
from ser_batch.corpora.joining import qualified_speakers
from ser_batch.errors import UsageError
from ser_batch.evaluation.evaluate import seen_speakers
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, SCHEMA_VERSION, Bundle, sha256_of
from ser_batch.training.job import Job
from ser_batch.training.options import TrainOptions
from ser_batch.training.recipe import changed
from ser_batch.training.teacher import WHISPER
from ser_batch.version import __version__

PACKAGES = ("numpy", "scipy", "keras", "tensorflow", "torch", "jax", "ai-edge-litert", "librosa")
NAMES = {"mfcc": "MFCC", "logmel": "log-mel"}
ATTRIBUTION = {
    "CREMA-D": "CREMA-D: H. Cao et al., IEEE Transactions on Affective Computing, 2014. Open Database License 1.0, "
    "contents under the Database Contents License 1.0.",
    "RAVDESS": "RAVDESS: S. Livingstone and F. Russo, PLoS ONE, 2018. CC BY-NC-SA 4.0: not for commercial use.",
    "TESS": "TESS: K. Dupuis and M. Pichora-Fuller, University of Toronto, 2010. CC BY-NC-ND 4.0.",
    "SAVEE": "SAVEE: S. Haq and P. Jackson, University of Surrey. Free for research.",
    "EMO-DB": "EMO-DB: F. Burkhardt et al., Interspeech 2005. CC0 1.0.",
}
LIMITS = (
    "Labels are the emotion that a speaker meant to show, as the training corpus has them, not what anybody felt.",
    "Other languages, accents, ages, microphones, and speech that is not acted are outside of what was measured.",
    "Not for decisions about persons: hiring, policing, medicine, education, insurance or credit.",
)


def make_card(
    folder: Path,
    job: Job,
    clips: dict[str, int],
    speakers: dict[str, list[str]],
    course: dict[str, Any],
    *,
    temperature: float,
    parameters: int,
    evaluated_on: str,
    evaluation: dict[str, Any],
    cross_validation: dict[str, Any] | None,
    rooms: list[dict[str, Any]],
) -> dict[str, Any]:
    """Gather the card of a trained network, in JSON's types.

    Args:
        folder: of the bundle, which holds the exported network already.
        job: the training.
        clips: number of clips of each part.
        speakers: speakers of each part.
        course: epochs, the epoch that was kept, seconds.
        temperature: of the calibration.
        parameters: number of weights.
        evaluated_on: the part that the figures are from.
        evaluation: the figures.
        cross_validation: the figures over the folds.
        rooms: figures of other corpora, as of `several.Evaluations.rows`.
    """
    table, options = job.table, job.options
    network = folder / NETWORK_FILE
    card = {
        "schema_version": SCHEMA_VERSION,
        "name": folder.resolve().name,
        "summary": f"{_pipeline(job)}, trained on {table.corpus}: {len(job.labels)} emotions",
        "labels": job.labels,
        "front_end": {**FRONT_END, "features": options.features},
        "denoise": table.denoise,
        "temperature": temperature,
        "sha256": sha256_of(network),
        "bytes": network.stat().st_size,
        "parameters": parameters,
        "weights": options.weights,
        "evaluation": {"on": _described(evaluated_on, job, speakers), **evaluation},
        "training": {
            "corpus": table.corpus,
            "attribution": _attribution(job),
            "mapping": dict(job.mapping),
            "clips": clips,
            "speakers": speakers,
            "recipe": _recipe(job),
            "hold_out": asdict(job.hold_out),
            "seed": job.seed,
            "start": _start(job),
            "teacher": job.teacher.source if job.teacher else None,
            "noise": job.noise.source if job.noise else None,
            **course,
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        },
        "limits": list(LIMITS),
        "command": job.command,
        "versions": {"ser-batch": __version__, "python": platform.python_version(), **_versions()},
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if cross_validation:
        card["cross_validation"] = cross_validation
    if rooms:
        card["rooms"] = rooms
    return card


def recorded_options(bundle: Bundle) -> TrainOptions:
    """Options of the last stage of a bundle's training, from its card.

    Raises:
        UsageError: the card records none, or options that this version does not know.
    """
    where = str(bundle.path / CARD_FILE)
    try:
        recorded = bundle.card["training"]["recipe"]["stages"][-1]
    except (KeyError, IndexError, TypeError):
        raise UsageError(f"{where}: records no recipe: train the model again to start from it") from None
    return changed(TrainOptions(), recorded, where)


def _pipeline(job: Job) -> str:
    members = {member.path: member for member in job.members}.values()
    networks = [recorded_options(member).network for member in members] or [job.options.network]
    named = ["Whisper encoder" if network == "whisper" else "CNN" for network in networks]
    return f"{NAMES[job.options.features]} → {' + '.join(named)}"


def _recipe(job: Job) -> dict[str, Any]:
    """Name and stages of the recipe, or the models that are averaged."""
    if not job.members:
        return {"name": job.recipe, "stages": [asdict(stage) for stage in job.stages]}
    members = []
    for member in job.members:
        recipe = member.card["training"]["recipe"]
        members.append({"sha256": member.sha256, "command": member.card["command"], "recipe": recipe})
    return {"name": "average", "members": members}


def _start(job: Job) -> dict[str, Any] | None:
    """Name, SHA-256 and known speakers of the model that a training started from."""
    if job.start is None:
        return None
    known = sorted(seen_speakers(job.start.card))
    return {"name": job.start.name, "sha256": job.start.sha256, "voices": known}


def _sources(job: Job) -> list[Bundle]:
    """The models whose weights the new one has or starts from."""
    return [*([job.start] if job.start else []), *job.members]


def _attribution(job: Job) -> str:
    """Who made the corpora and the networks that the new one comes from, each named once."""
    credits = [ATTRIBUTION.get(corpus, "") for corpus in job.table.corpus.split(" + ")]
    credits += [WHISPER] if job.encoder else []
    for source in _sources(job):
        rest = source.card["training"]["attribution"]
        for known in (*ATTRIBUTION.values(), WHISPER):
            if known in rest:
                credits.append(known)
                rest = rest.replace(known, "")
        credits.append(rest.strip())
    return " ".join(filter(None, dict.fromkeys(credits)))


def _described(part: str, job: Job, speakers: dict[str, list[str]]) -> str:
    """Whose clips the figures are from, and why they may be too good."""
    table = job.table
    if part == "cross-validation":
        who = f"all {len(set(table.speakers))} speakers of {table.corpus}"
        return f"{who}, each by the network that was not trained on it"
    who = f"{len(speakers[part])} {part} speakers of {table.corpus}"
    if len(set(table.speakers)) == len(table):
        return f"{part} clips of {table.corpus}, whose speakers are not known: some may also be in training"
    if part == "validation":
        return f"{who}, on whom the training was stopped: the figures are somewhat too good"
    if part == "train":
        return f"{who}: the clips that were trained on: the figures say nothing about other clips"
    before = set().union(*(seen_speakers(source.card) for source in _sources(job)))
    known = qualified_speakers(table.corpus, set(speakers[part])) & before
    if known:
        return f"{who}, {len(known)} of whom its initial model was trained on: the figures are too good"
    return f"{who}, not in training"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
