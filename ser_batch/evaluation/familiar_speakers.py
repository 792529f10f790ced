"""Speakers that a model was trained on: figures of them say little about new voices."""

from typing import Any

from ser_batch.corpora.joining import voices


def taught_voices(card: dict[str, Any]) -> set[str]:
    """Speakers whom a model, or one that it began with, was trained on or stopped by; as `joining.voices` has them."""
    training = card["training"]
    taught = {*training["speakers"]["train"], *training["speakers"]["validation"]}
    return voices(training["corpus"], taught) | set((training.get("start") or {}).get("voices", []))
