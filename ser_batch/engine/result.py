"""The result of a file: its annotation (arrays) or its failure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio.voice import SILENT
from ser_batch.engine.stopwatch import STAGES

SCALE = 10_000  # probabilities and speech ratios are integers in ten-thousandths, so every machine stores the same


@dataclass(frozen=True)  # slots would make pickling slow
class Annotation:
    """The segments of one file.

    `starts` and `ends` are int64 `[n]` in samples at `sample_rate`; `probabilities` is int32 `[n, labels]` and
    `speech` int32 `[n]`, both in ten-thousandths. A segment that is silent, or has too little speech, has zeros for
    probabilities. `voice` is int64 `[n]`, the steps of speech as `ser_batch.audio.voice` counts them; None without
    the voice detector: then a silent segment has speech 0. `seconds` is the worker's time by
    `ser_batch.engine.stopwatch.STAGES`; it is not stored. `channels_cancel` is true if the channels cancelled each
    other and one of them was annotated instead of their mean.
    """

    sample_rate: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    probabilities: NDArray[np.int32]
    speech: NDArray[np.int32]
    voice: NDArray[np.int64] | None = None
    seconds: tuple[float, ...] = (0.0,) * len(STAGES)
    channels_cancel: bool = False

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Which segments hold no sound, bool `[n]`."""
        return self.speech == 0 if self.voice is None else self.voice == SILENT

    @property
    def duration(self) -> float:
        """Duration of the decoded audio, or of the stretch of it, in seconds."""
        return float(self.ends[-1] - self.starts[0]) / self.sample_rate

    def record(self) -> dict[str, Any]:
        """Return the annotation in JSON types."""
        return {
            "rate": self.sample_rate,
            "starts": self.starts.tolist(),
            "ends": self.ends.tolist(),
            "p": self.probabilities.tolist(),
            "speech": self.speech.tolist(),
            **({} if self.voice is None else {"voice": self.voice.tolist()}),
            **({"channels_cancel": True} if self.channels_cancel else {}),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Annotation":
        """Return the annotation that `record` converted."""
        return cls(
            record["rate"],
            np.array(record["starts"], np.int64),
            np.array(record["ends"], np.int64),
            np.array(record["p"], np.int32),
            np.array(record["speech"], np.int32),
            np.array(record["voice"], np.int64) if "voice" in record else None,
            channels_cancel=record.get("channels_cancel", False),
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file has no annotation: the stage that failed, the type of the error, and the message for the user."""

    stage: str
    error: str
    message: str

    def record(self) -> dict[str, Any]:
        """Return the failure in JSON types."""
        return {"stage": self.stage, "error": self.error, "message": self.message}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Failure":
        """Return the failure that `record` converted."""
        return cls(record["stage"], record["error"], record["message"])


Outcome = Annotation | Failure


def to_ten_thousandths(probabilities: NDArray[np.floating]) -> NDArray[np.int32]:
    """Round probabilities `[..., labels]` to ten-thousandths with sum 10,000; the largest takes the rounding error."""
    rounded = np.rint(probabilities * SCALE).astype(np.int32)
    rows = rounded.reshape(-1, rounded.shape[-1])
    rows[np.arange(len(rows)), rows.argmax(axis=1)] += SCALE - rows.sum(axis=1, dtype=np.int32)
    return rounded
