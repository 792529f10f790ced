"""What the bundled models hear in the samples, kept so that a quicker front end cannot hear something else unnoticed.

python -m tests.pins    # anew, after a model has been trained again
"""

import json
from pathlib import Path

from ser_batch.engine.job import Settings
from ser_batch.engine.worker import Worker
from ser_batch.model.bundle import load_bundle

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "golden" / "pins.json"
MODELS = ("crema-d", "crema-d-large")
CLIPS = ("meeting/introduction.flac", "phone/booking.wav", "diary/pause.wav", "radio/announcement.mp3")


def heard(model: str, denoise: str) -> dict[str, list[list[int]]]:
    """Probabilities of each window of the clips, in ten-thousandths."""
    worker = Worker(Settings(model, 3.0, 1.5, denoise))
    return {clip: worker.annotate(str(ROOT / "samples" / clip)).probabilities.tolist() for clip in CLIPS}


def pins() -> dict[str, dict[str, object]]:
    """All that is kept."""
    return {
        model: {"sha256": load_bundle(model).sha256, "off": heard(model, "off"), "gate": heard(model, "gate")}
        for model in MODELS
    }


if __name__ == "__main__":
    PINS.write_text(json.dumps(pins()) + "\n")
