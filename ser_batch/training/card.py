"""Model cards: all that a stranger needs to judge a bundle."""

import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ser_batch.audio.front_end import FRONT_END
from ser_batch.corpora.joining import qualified_speakers
from ser_batch.evaluation.familiar_speakers import taught_voices
from ser_batch.model.bundle import NETWORK_FILE, SCHEMA_VERSION, sha256_of
from ser_batch.training.options import LargeArchitecture
from ser_batch.training.task import Task
from ser_batch.training.teacher import WHISPER
from ser_batch.version import __version__

PACKAGES = ("numpy", "scipy", "keras", "tensorflow", "torch", "jax", "ai-edge-litert", "librosa")
NAMES = {"mfcc": "MFCC", "logmel": "log-mel"}
# of an ensemble the other options are its members' affair
OF_THE_DIVISION = {
    "split", "validation", "test", "test_fold", "cross_validate", "folds", "seed", "features", "weights",
}  # fmt: skip
ATTRIBUTION = {
    "CREMA-D": "CREMA-D: H. Cao et al., IEEE Transactions on Affective Computing, 2014. Open Database License 1.0, "
    "contents under the Database Contents License 1.0.",
    "RAVDESS": "RAVDESS: S. Livingstone and F. Russo, PLoS ONE, 2018. CC BY-NC-SA 4.0: not for commercial use.",
    "TESS": "TESS: K. Dupuis and M. Pichora-Fuller, University of Toronto, 2010. CC BY-NC-ND 4.0.",
    "SAVEE": "SAVEE: S. Haq and P. Jackson, University of Surrey. Free for research.",
    "EMO-DB": "EMO-DB: F. Burkhardt et al., Interspeech 2005.",
}
LIMITS = (
    "Labels are the emotion that a speaker meant to show, as the training corpus has them, not what anybody felt.",
    "Other languages, accents, ages, microphones, and speech that is not acted are outside of what was measured.",
    "Not for decisions about persons: hiring, policing, medicine, education, insurance or credit.",
)


def make_card(
    folder: Path,
    task: Task,
    clips: dict[str, int],
    speakers: dict[str, list[str]],
    course: dict[str, Any],
    *,
    temperature: float,
    parameters: int,
    evaluated_on: str,
    evaluation: dict[str, Any],
    cross_validation: dict[str, Any] | None,
) -> dict[str, Any]:
    """Gather the card of a trained network, in JSON's types.

    Args:
        folder: holds its exported form.
        task: what it was made by.
        clips: how many each part had,
        speakers: and whose.
        course: of the training: epochs, which one was kept, seconds, what was thawed; or the members of an ensemble.
        temperature: of the calibration.
        parameters: how many.
        evaluated_on: one of the parts.
        evaluation: the figures.
        cross_validation: the same over the folds.
    """
    table, options = task.table, task.options
    network = folder / NETWORK_FILE
    members = course.get("members", [])
    card = {
        "schema_version": SCHEMA_VERSION,
        "name": folder.resolve().name,
        "summary": f"{_pipeline(task, members)}, trained on {table.corpus}: {len(task.labels)} emotions",
        "labels": task.labels,
        "front_end": {**FRONT_END, "features": options.features},
        "denoise": table.denoise,
        "temperature": temperature,
        "sha256": sha256_of(network),
        "bytes": network.stat().st_size,
        "parameters": parameters,
        "weights": options.weights,
        "evaluation": {"on": _described(evaluated_on, task, speakers), **evaluation},
        "training": {
            "corpus": table.corpus,
            "attribution": _attribution(task, members),
            "mapping": dict(task.mapping),
            "clips": clips,
            "speakers": speakers,
            "options": {
                name: value
                for name, value in asdict(options).items()
                if not task.ensemble or name in OF_THE_DIVISION
            },
            "start": _start(task),
            "teacher": task.teacher.source if task.teacher else None,
            "noise": task.noise.source if task.noise else None,
            **course,
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        },
        "limits": list(LIMITS),
        "command": task.command,
        "versions": {"ser-batch": __version__, "python": platform.python_version(), **_versions()},
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if cross_validation:
        card["cross_validation"] = cross_validation
    return card


def _pipeline(task: Task, members: list[dict[str, Any]]) -> str:
    if members:
        kinds = dict.fromkeys(member["summary"].split(",")[0] for member in members)
        return f"{' and '.join(kinds)} ({len(members)} networks' mean)"
    large = isinstance(task.options.architecture, LargeArchitecture)
    return f"{NAMES[task.options.features]} → {'Whisper encoder' if large else 'CNN'}"


def _start(task: Task) -> dict[str, Any] | None:
    """What is told of the model that a training began with."""
    if task.start is None:
        return None
    known = sorted(taught_voices(task.start.card))
    return {"name": task.start.name, "sha256": task.start.sha256, "voices": known}


def _attribution(task: Task, members: list[dict[str, Any]]) -> str:
    if members:
        return " ".join(dict.fromkeys(member["training"]["attribution"] for member in members))
    corpora = [ATTRIBUTION.get(corpus, "") for corpus in task.table.corpus.split(" + ")]
    before = [task.start.card["training"]["attribution"]] if task.start else []
    encoder = [WHISPER] if task.encoder else []
    return " ".join(filter(None, dict.fromkeys([*corpora, *before, *encoder])))


def _described(part: str, task: Task, speakers: dict[str, list[str]]) -> str:
    """Say whose clips the figures are from, and where they flatter."""
    table = task.table
    who = f"{len(speakers[part])} {part} speakers of {table.corpus}"
    if task.options.split == "random":
        return f"{part} clips of {table.corpus} chosen at random: a LEAK, the same voices were trained on"
    if len(set(table.speakers)) == len(table):
        return f"{part} clips of {table.corpus}, whose speakers are not known: voices may have leaked"
    if part == "validation":
        return f"{who}, by whom the training was stopped: somewhat flattering"
    if part == "train":
        return f"{who}: the very clips that were trained on, which says nothing about others"
    known = qualified_speakers(table.corpus, set(speakers[part])) & (
        taught_voices(task.start.card) if task.start else set()
    )
    if known:
        return f"{who}, {len(known)} of whom the model that this one began with was trained on: flattering"
    return f"{who}, never heard in training"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
