"""`audformat/`: a database in the audformat of audEERING, with a filewise and a segmented table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_batch.output.csv_table import CsvTable
from ser_batch.output.schema import STATUSES, FileRow, Schema, SegmentRow
from ser_batch.output.tree import Folder


class Database:
    """Writer of the header and both tables."""

    def __init__(self, folder: Path, schema: Schema):
        self._schema = schema
        self._folder = Folder(folder / "audformat")
        place = self._folder.partial
        (place / "db.yaml").write_text(json.dumps(_header(schema), indent=2) + "\n", encoding="utf-8")
        columns = ("file", *schema.stretch_columns, *_file_columns(schema))
        self._files = CsvTable(place / "db.files.csv", columns)
        self._segments = CsvTable(place / "db.segments.csv", schema.segment_columns)

    def write(self, file: FileRow, segments: Sequence[SegmentRow]) -> None:
        """Append one file and its segments."""
        name, *values = self._schema.values(file)
        if self._schema.stretches:  # a whole file lasts from 0 to its end
            times = (_timedelta(file.start or 0.0), _timedelta(file.end or file.duration))
            values = [*times, *values[:-2]]
        self._files.write((name, *values))
        for segment in segments:
            _, _, _, *emotion = self._schema.values(segment)
            self._segments.write((segment.file, _timedelta(segment.start), _timedelta(segment.end), *emotion))

    def close(self) -> None:
        """Move the complete database into place."""
        self._files.close()
        self._segments.close()
        for name in ("db.files.csv", "db.segments.csv", "db.yaml"):
            self._folder.add(name)
        self._folder.close()


def _header(schema: Schema) -> dict[str, Any]:
    """The content of `db.yaml`; JSON is valid YAML."""
    return {
        "name": "annotations",
        "description": "Emotion heard in speech, annotated by ser-batch",
        "source": "ser-batch",
        "usage": "unrestricted",
        "schemes": {
            "emotion": {"dtype": "str", "labels": list(schema.labels)},
            "share": {"dtype": "float", "minimum": 0, "maximum": 1},
            "seconds": {"dtype": "float", "minimum": 0},
            "count": {"dtype": "int", "minimum": 1},
            "status": {"dtype": "str", "labels": list(STATUSES)},
        },
        "tables": {
            "files": {
                "type": "segmented" if schema.stretches else "filewise",
                "columns": _columns(_file_columns(schema)),
            },
            "segments": {"type": "segmented", "columns": _columns(schema.segment_columns[3:])},
        },
    }


def _file_columns(schema: Schema) -> tuple[str, ...]:
    """The columns of the table of files that are not its index."""
    return tuple(name for name in schema.file_columns[1:] if name not in schema.stretch_columns)


def _columns(names: Sequence[str]) -> dict[str, dict[str, str]]:
    schemes = {"duration": "seconds", "n_segments": "count", "status": "status", "label": "emotion"}
    return {
        name: {"scheme_id": schemes.get("label" if name.startswith("label_") else name, "share")}
        for name in names
    }


def _timedelta(seconds: float) -> str:
    """A time in the notation of pandas: `0 days 00:00:01.500000`."""
    whole, millionths = divmod(round(seconds * 1e6), 1_000_000)
    days, rest = divmod(whole, 86_400)
    return f"{days} days {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{millionths:06}"


writer = Database
