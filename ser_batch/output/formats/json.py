"""`annotations.json`: one document of files with their segments."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_batch.output.replace import Replacement
from ser_batch.output.schema import SCHEMA_VERSION, Emotion, FileRow, Schema, SegmentRow, stretch_times


class JsonDocument(Replacement):
    """Writer of the document, one line for each file."""

    def __init__(self, folder: Path, schema: Schema):
        super().__init__(folder / "annotations.json")
        self._schema = schema
        self._separator = "\n"
        header = json.dumps({"schema_version": SCHEMA_VERSION, "labels": list(schema.labels)})
        self.file.write(header[:-1] + ', "files": [')

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file and its segments."""
        entry = {
            "file": file.file,
            "duration": file.duration,
            **self._emotion(file.emotion),
            **stretch_times(file),
            "segments": [{"start": s.start, "end": s.end, **self._emotion(s.emotion)} for s in segments],
            "speech": file.speech,
        }
        self.file.write(self._separator + json.dumps(entry, ensure_ascii=False))
        self._separator = ",\n"

    def _emotion(self, emotion: Emotion) -> dict[str, Any]:
        probabilities = emotion.probabilities
        return {
            "label": emotion.label,
            "confidence": emotion.confidence,
            "probabilities": probabilities and dict(zip(self._schema.labels, probabilities, strict=True)),
            "speech_ratio": emotion.speech_ratio,
            "status": emotion.status,
            **dict(zip(self._schema.ranks, self._schema.ranked(emotion), strict=True)),
        }

    def close(self) -> None:
        """End the document and move it into place."""
        self.file.write("\n]}\n")
        super().close()


writer = JsonDocument
