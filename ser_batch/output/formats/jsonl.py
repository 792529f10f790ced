"""`files.jsonl` and `segments.jsonl`: an object a line, with the columns of the tables as its keys."""

import json
from collections.abc import Sequence
from pathlib import Path

from ser_batch.output.replace import Replacement
from ser_batch.output.schema import FileRow, Schema, SegmentRow


class JsonLines:
    """Writes both files, a line at a time; they appear under their names when complete."""

    def __init__(self, folder: Path, schema: Schema):
        self._schema = schema
        self._files = Replacement(folder / "files.jsonl")
        self._segments = Replacement(folder / "segments.jsonl")

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file and its segments."""
        self._files.file.write(self._line(file))
        self._segments.file.writelines(map(self._line, segments))

    def _line(self, row: FileRow | SegmentRow) -> str:
        return json.dumps(self._schema.record(row), ensure_ascii=False) + "\n"

    def close(self) -> None:
        """Put the finished files in place."""
        self._files.close()
        self._segments.close()


writer = JsonLines
