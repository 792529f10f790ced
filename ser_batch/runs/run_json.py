"""`run.json`: versions, options and counts of a run; and the fingerprint that a resumed run must match."""

import json
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ser_batch.audio.front_end import FRONT_END
from ser_batch.engine.job import Options, Settings
from ser_batch.inputs.url import redacted, redacted_command
from ser_batch.model.bundle import Bundle, load_voice
from ser_batch.output.replace import Replacement
from ser_batch.output.schema import SCHEMA_VERSION
from ser_batch.runs.adapting import Calibration
from ser_batch.runs.summary import Summary
from ser_batch.version import __version__

PACKAGES = ("numpy", "scipy", "soundfile", "soxr", "ai-edge-litert")
RESULTS_VERSION = 2  # raised when the same settings give other numbers
COUNTS = ("files", "segments", "silent", "no_speech", "uncertain", "failed", "resumed", "channels_cancel")


def fingerprint(
    settings: Settings, bundle: Bundle, root: str, calibration: Calibration | None = None
) -> dict[str, Any]:
    """Everything that results depend on: runs with equal fingerprints may share a journal.

    `root` is the folder that the names in the journal are relative to.
    """
    entries = {
        "root": root,
        "results_version": RESULTS_VERSION,
        "model": bundle.name,
        "model_sha256": bundle.sha256,
        "window": settings.window,
        "hop": settings.hop,
        "denoise": settings.denoise,
        "min_speech": settings.min_speech,
        "voice_sha256": voice_sha256(settings),
    }
    return entries | ({"calibration": calibration.sha256} if calibration else {})


def model_record(bundle: Bundle) -> dict[str, Any]:
    """The model in JSON types."""
    return {name: getattr(bundle, name) for name in ("name", "sha256", "labels", "temperature", "denoise")}


def voice_sha256(settings: Settings) -> str | None:
    """The digest of the voice detector; None if it is not used."""
    return None if settings.min_speech is None else load_voice().sha256


def write(
    path: Path,
    began: float,
    root: str,
    options: Options,
    settings: Settings,
    bundle: Bundle,
    summary: Summary,
    adapted: dict[str, Any],
) -> None:
    """Write `run.json` of a run.

    `root` is the folder that the names in the tables are relative to, `adapted` the record of `adapted_results`.
    """
    document = environment_fields(began) | {
        "root": redacted(root),
        "options": {**asdict(options), "denoise": settings.denoise},
        "model": model_record(bundle),
        "voice": {"sha256": voice_sha256(settings), "min_speech": settings.min_speech},
        "front_end": FRONT_END,
    }
    save(path, document | summary_fields(summary) | adapted)


def environment_fields(began: float) -> dict[str, Any]:
    """Versions, machine, command line and start time (`began` in seconds since 1970)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ser_batch": __version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "command": redacted_command(sys.argv),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
    }


def summary_fields(summary: Summary) -> dict[str, Any]:
    """The summary of a run."""
    return {
        "counts": {name: getattr(summary, name) for name in COUNTS},
        "labels": dict(sorted(summary.labels.items())),
        "audio_seconds": round(summary.audio_seconds, 3),
        "new_audio_seconds": round(summary.new_audio_seconds, 3),
        "wall_seconds": round(summary.wall_seconds, 3),
        "times_real_time": round(summary.times_real_time, 1),
        "worker_seconds": {stage: round(seconds, 3) for stage, seconds in summary.stages.items()},
        "exit_code": summary.exit_code,
        "stopped": summary.stopped,
        "passed_over": dict(summary.passed_over.most_common()),
    }


def save(path: Path, document: dict[str, Any]) -> None:
    """Write a `run.json` atomically."""
    replacement = Replacement(path)
    replacement.file.write(json.dumps(document, indent=2, default=str) + "\n")
    replacement.close()
