"""Speakers that a model was trained on: figures of them say little about new voices."""

from typing import Any

from ser_batch.corpora.joining import qualified_speakers


def taught_voices(card: dict[str, Any]) -> set[str]:
    """Training and validation speakers of a model and its initial model, named as by `qualified_speakers`."""
    training = card["training"]
    taught = {*training["speakers"]["train"], *training["speakers"]["validation"]}
    return qualified_speakers(training["corpus"], taught) | set(
        (training.get("start") or {}).get("voices", [])
    )
