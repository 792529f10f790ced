"""Model cards: all that a stranger needs to judge a bundle."""

import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ser_batch
from ser_batch.audio.front_end import FRONT_END
from ser_batch.model.bundle import NETWORK_FILE, SCHEMA_VERSION, sha256_of
from ser_batch.model.options import TrainOptions
from ser_batch.model.table import FeatureTable

PACKAGES = ("numpy", "scipy", "keras", "tensorflow", "torch", "jax", "ai-edge-litert", "librosa")
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
    table: FeatureTable,
    parts: dict[str, NDArray[np.bool_]],
    labels: list[str],
    options: TrainOptions,
    *,
    temperature: float,
    parameters: int,
    epochs: int,
    best_epoch: int,
    seconds: float,
    evaluated_on: str,
    evaluation: dict[str, Any],
    cross_validation: dict[str, Any] | None,
    teacher: str | None,
    command: str,
) -> dict[str, Any]:
    """Gather the card of a trained network, in JSON's types; `folder` holds its exported form."""
    network = folder / NETWORK_FILE
    spoken = np.array(table.speakers)
    speakers = {part: sorted(set(spoken[mask].tolist())) for part, mask in parts.items()}
    card = {
        "schema_version": SCHEMA_VERSION,
        "name": folder.resolve().name,
        "summary": f"MFCC → CNN, trained on {table.corpus}: {len(labels)} emotions",
        "labels": labels,
        "front_end": FRONT_END,
        "denoise": table.denoise,
        "temperature": temperature,
        "sha256": sha256_of(network),
        "bytes": network.stat().st_size,
        "parameters": parameters,
        "weights": options.weights,
        "evaluation": {"on": _described(evaluated_on, table, speakers, options), **evaluation},
        "training": {
            "corpus": table.corpus,
            "attribution": ATTRIBUTION.get(table.corpus, ""),
            "clips": {part: int(mask.sum()) for part, mask in parts.items()},
            "speakers": speakers,
            "options": asdict(options),
            "teacher": teacher,
            "epochs": epochs,
            "best_epoch": best_epoch,
            "seconds": round(seconds),
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        },
        "limits": list(LIMITS),
        "command": command,
        "versions": {"ser-batch": ser_batch.__version__, "python": platform.python_version(), **_versions()},
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if cross_validation:
        card["cross_validation"] = cross_validation
    return card


def _described(part: str, table: FeatureTable, speakers: dict[str, list[str]], options: TrainOptions) -> str:
    """Say whose clips the figures are from, and where they flatter."""
    who = f"{len(speakers[part])} {part} speakers of {table.corpus}"
    if options.split == "random":
        return f"{part} clips of {table.corpus} chosen at random: a LEAK, the same voices were trained on"
    if len(set(table.speakers)) == len(table):
        return f"{part} clips of {table.corpus}, whose speakers are not known: voices may have leaked"
    if part == "validation":
        return f"{who}, by whom the training was stopped: somewhat flattering"
    if part == "train":
        return f"{who}: the very clips that were trained on, which says nothing about others"
    return f"{who}, never heard in training"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
