"""`annotations.json`: one document, files with their segments nested."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_batch.output.replace import Replacement
from ser_batch.output.schema import SCHEMA_VERSION, Emotion, FileRow, Schema, SegmentRow


class JsonDocument:
    """Writes the document as it comes, a file a line; it appears under its name when complete."""

    def __init__(self, folder: Path, schema: Schema):
        self._schema = schema
        self._replacement = Replacement(folder / "annotations.json")
        self._separator = "\n"
        header = json.dumps({"schema_version": SCHEMA_VERSION, "labels": list(schema.labels)})
        self._replacement.file.write(header[:-1] + ', "files": [')

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file with its segments."""
        entry = {
            "file": file.file,
            "duration": file.duration,
            **self._emotion(file.emotion),
            "segments": [{"start": s.start, "end": s.end, **self._emotion(s.emotion)} for s in segments],
        }
        self._replacement.file.write(self._separator + json.dumps(entry, ensure_ascii=False))
        self._separator = ",\n"

    def _emotion(self, heard: Emotion) -> dict[str, Any]:
        return {
            "label": heard.label,
            "confidence": heard.confidence,
            "probabilities": heard.probabilities
            and dict(zip(self._schema.labels, heard.probabilities, strict=True)),
            "speech_ratio": heard.speech_ratio,
            "status": heard.status,
            **dict(zip(self._schema.ranks, self._schema.ranked(heard), strict=True)),
        }

    def close(self) -> None:
        """End the document and put it in place."""
        self._replacement.file.write("\n]}\n")
        self._replacement.close()


writer = JsonDocument
