"""Bundles: a directory with a trained network and its card. Those that ship are in `models/`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_batch.audio.front_end import FRONT_END
from ser_batch.errors import SerBatchError, UsageError

SCHEMA_VERSION = 1
NETWORK_FILE = "model.tflite"
CARD_FILE = "card.json"


@dataclass(frozen=True)
class Bundle:
    """A trained model; `card` holds all that is known about it, as `card.json` does."""

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
        """What logits are divided by before the softmax."""
        return self.card["temperature"]

    @property
    def denoise(self) -> str:
        """The noise reduction that the model was trained with: `off`, `gate` or `noisereduce`."""
        return self.card["denoise"]

    @property
    def sha256(self) -> str:
        """Digest of `model.tflite`, checked when the bundle was loaded."""
        return self.card["sha256"]


def load_bundle(name_or_directory: str | Path) -> Bundle:
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
            f"Unknown model {name_or_directory}. Bundled models: {names}. "
            "A directory written by `ser-batch train` may be given instead."
        )
    return _read(directory)


def bundled() -> list[Bundle]:
    """All models that ship, sorted by name."""
    return [_read(directory) for directory in _bundled_directories().values()]


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(directory: Path) -> Bundle:
    card_path, network_path = directory / CARD_FILE, directory / NETWORK_FILE
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        digest = sha256_of(network_path)
    except FileNotFoundError as error:
        raise SerBatchError(f"{directory} is not a model: it has no {Path(error.filename).name}.") from None
    except (OSError, ValueError) as error:
        raise SerBatchError(f"{directory} is not a readable model: {error}.") from error
    if not isinstance(card, dict) or card.get("schema_version") != SCHEMA_VERSION:
        raise SerBatchError(
            f"{card_path} is not a card of schema version {SCHEMA_VERSION}; train the model again."
        )
    missing = [key for key in ("name", "labels", "temperature", "denoise", "sha256") if key not in card]
    if missing:
        raise SerBatchError(f"{card_path} lacks {', '.join(missing)}; train the model again.")
    if card.get("front_end") != FRONT_END:
        raise SerBatchError(f"{directory} was made for another front end; train the model again.")
    if card["sha256"] != digest:
        raise SerBatchError(
            f"{network_path} is not the network that its card describes (SHA-256 differs); restore the bundle."
        )
    return Bundle(card["name"], directory, card)


def _bundled_directories() -> dict[str, Path]:
    package = Path(__file__).resolve().parents[1]
    homes = [package / "models"]
    if (package.parent / "pyproject.toml").exists():
        homes.append(package.parent / "models")
    found = {card.parent.name: card.parent for home in homes for card in home.glob(f"*/{CARD_FILE}")}
    return dict(sorted(found.items()))
