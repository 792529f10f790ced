"""Model bundles: a directory with an exported network and its card. Those that ship are in `models/`."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_batch.audio.denoise import ENGINES
from ser_batch.audio.front_end import FEATURES, FRONT_END
from ser_batch.errors import SerBatchError, UsageError

SCHEMA_VERSION = 2  # 1: networks that were exported with the rotation from MFCC back to log-mel
NETWORK_FILE = "model.tflite"
KERAS_FILE = "model.keras"  # the trained network in float32, where training continues; not needed to annotate
CARD_FILE = "card.json"
VOICE = "voice"  # the folder of the voice detector, beside those of the models


@dataclass(frozen=True)
class Bundle:
    """A trained model; `card` is the content of `card.json`."""

    name: str
    path: Path
    card: dict[str, Any]

    @property
    def network_path(self) -> Path:
        """The flat buffer that `ser_batch.model.runtime.Network` loads."""
        return self.path / NETWORK_FILE

    @property
    def labels(self) -> list[str]:
        """The emotions, in the order of the logits."""
        return self.card["labels"]

    @property
    def temperature(self) -> float:
        """The logits are divided by it before the softmax."""
        return self.card["temperature"]

    @property
    def features(self) -> str:
        """Input of the network in training, one of `ser_batch.audio.front_end.FEATURES`."""
        return self.card["front_end"]["features"]

    @property
    def denoise(self) -> str:
        """The noise reduction that the model was trained with: `off`, `gate` or `noisereduce`."""
        return self.card["denoise"]

    @property
    def mapping(self) -> dict[str, str]:
        """Mapping of the corpora's labels in training, from label to label; "" was left out."""
        return self.card.get("training", {}).get("mapping", {})

    @property
    def sha256(self) -> str:
        """Digest of `model.tflite`, checked when the bundle was loaded."""
        return self.card["sha256"]


def load_bundle(name_or_directory: str | os.PathLike[str]) -> Bundle:
    """Find and check a model.

    Args:
        name_or_directory: a bundled model's name, or a directory that `ser-batch train` wrote.

    Raises:
        UsageError: there is no such model.
        SerBatchError: its files are incomplete, altered or for another version.
    """
    known = _bundled_directories()
    directory = known.get(str(name_or_directory), Path(name_or_directory))
    if not directory.is_dir():
        names = ", ".join(known) or "none"
        raise UsageError(
            f"{name_or_directory}: no such model: choose a bundled one ({names}), "
            "or give a directory that `ser-batch train` wrote"
        )
    return _read(directory)


def bundled() -> list[Bundle]:
    """All models that ship, sorted by name."""
    return [_read(directory) for directory in _bundled_directories().values()]


@dataclass(frozen=True)
class Voice:
    """The voice detector; `card` holds all that is known about it, as `card.json` does."""

    path: Path
    card: dict[str, Any]

    @property
    def network_path(self) -> Path:
        """The flat buffer that `ser_batch.model.runtime.Network` loads."""
        return self.path / NETWORK_FILE

    @property
    def sha256(self) -> str:
        """Digest of `model.tflite`, checked when the detector was loaded."""
        return self.card["sha256"]


def load_voice(folder: str | None = None) -> Voice:
    """Find and check the voice detector in a folder, by default the one that ships.

    Raises:
        SerBatchError: it is missing, altered or for another front end.
    """
    for path in [Path(folder)] if folder else [home / VOICE for home in _homes()]:
        if path.is_dir():
            card, digest = _read_files(path)
            _check_front_end(path, card, [FRONT_END])
            _check_digest(path, card, digest)
            return Voice(path, card)
    raise SerBatchError("the voice detector is missing: install ser-batch again, or give --no-voice")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(directory: Path) -> Bundle:
    card, digest = _read_files(directory)
    card_path = directory / CARD_FILE
    if card.get("schema_version") != SCHEMA_VERSION:
        raise SerBatchError(
            f"{card_path}: not a card of schema version {SCHEMA_VERSION}: train the model again"
        )
    if flawed := _flawed_entries(card):
        raise SerBatchError(f"{card_path}: no valid {', '.join(flawed)}: train the model again")
    _check_front_end(directory, card, [{**FRONT_END, "features": kind} for kind in FEATURES])
    _check_digest(directory, card, digest)
    return Bundle(card["name"], directory, card)


def _read_files(directory: Path) -> tuple[dict[str, Any], str]:
    """The card, empty if it is no object, and the digest of the network."""
    try:
        card = json.loads((directory / CARD_FILE).read_text(encoding="utf-8"))
        digest = sha256_of(directory / NETWORK_FILE)
    except FileNotFoundError as error:
        raise SerBatchError(
            f"{directory}: no {Path(error.filename).name} in it: give a directory that `ser-batch train` wrote"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise SerBatchError(
            f"{directory}: cannot be read as a model ({error}): restore the bundle"
        ) from error
    return (card if isinstance(card, dict) else {}), digest


def _check_front_end(directory: Path, card: dict[str, Any], allowed: list[dict[str, Any]]) -> None:
    if card.get("front_end") not in allowed:
        raise SerBatchError(f"{directory}: made for another front end: train the model again")


def _check_digest(directory: Path, card: dict[str, Any], digest: str) -> None:
    if card.get("sha256") != digest:
        raise SerBatchError(
            f"{directory / NETWORK_FILE}: not the network that its card describes (SHA-256 differs): "
            "restore the bundle"
        )


def _flawed_entries(card: dict[str, Any]) -> list[str]:
    """Names of entries that are missing or invalid."""
    labels, temperature = card.get("labels"), card.get("temperature")
    usable = {
        "name": isinstance(card.get("name"), str),
        "labels": isinstance(labels, list)
        and all(isinstance(label, str) and label for label in labels)
        and len(set(labels)) == len(labels) > 1,
        "temperature": isinstance(temperature, int | float) and 0 < temperature < float("inf"),
        "denoise": card.get("denoise") in ENGINES,
        "sha256": isinstance(card.get("sha256"), str),
    }
    return [name for name, good in usable.items() if not good]


def _bundled_directories() -> dict[str, Path]:
    """The folders of the models that ship, by name; the voice detector is none of them."""
    found = {card.parent.name: card.parent for home in _homes() for card in home.glob(f"*/{CARD_FILE}")}
    return {name: found[name] for name in sorted(found) if name != VOICE}


def _homes() -> list[Path]:
    """The folders that models ship in: in the package, and in a checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    homes = [package / "models"]
    if (package.parent / "pyproject.toml").exists():
        homes.append(package.parent / "models")
    return homes
