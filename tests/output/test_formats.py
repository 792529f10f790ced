"""Shared properties of all formats, and the golden files."""

import io
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pyarrow import parquet

from ser_batch.output.formats import FORMATS, maker
from ser_batch.output.schema import Emotion, FileRow, Schema
from tests.output.rows import LABELS, ROWS, write

GOLDEN = Path(__file__).parent / "golden"


def golden(name, folder):
    """All that a format writes, as one text: a line with each file's path, then what is in it."""
    files = write(name, folder)
    return "".join(f"=== {json.dumps(path)}\n{text(content)}" for path, content in files.items())


def text(content):
    if content[:4] != b"PAR1":
        return content.decode()
    table = parquet.read_table(io.BytesIO(content))  # its bytes depend on pyarrow's version
    columns = [f"{field.name}: {field.type}" for field in table.schema]
    lines = [str(table.schema.metadata), str(columns), *map(str, table.to_pylist())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", FORMATS)
def test_output_is_the_golden_one(name, tmp_path):
    """Columns are only ever added at the end: whoever changes these files raises the schema version.

    `python -m tests.output.test_formats` writes them.
    """
    assert golden(name, tmp_path).encode() == (GOLDEN / f"{name}.txt").read_bytes()


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_appears_before_it_is_complete(name, tmp_path):
    writer = maker(name)(tmp_path, Schema(LABELS))
    writer.write(*ROWS[0])
    assert all(path.suffix == ".partial" for path in tmp_path.iterdir())
    writer.close()
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_again_takes_the_place_of_the_first(name, tmp_path):
    assert write(name, tmp_path) == write(name, tmp_path)


@pytest.mark.parametrize("name", [n for n in FORMATS if n in ("csv", "tsv", "json", "audformat")])
def test_no_rows_give_an_empty_table_with_its_header(name, tmp_path):
    for path, content in write(name, tmp_path, rows=[]).items():
        assert (b"start" if "speech" in path else b"label") in content


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_are_no_error(name, tmp_path):
    write(name, tmp_path, rows=[])


def test_columns_of_the_next_labels_come_last():
    three = Schema(["angry", "happy", "sad"], top_k=3)
    assert three.file_columns[:-4] == Schema(three.labels).file_columns
    assert three.segment_columns[-4:] == ("label_2", "confidence_2", "label_3", "confidence_3")
    heard = Emotion("sad", 0.4, (0.2, 0.4, 0.4), 1.0)
    assert three.values(FileRow("a.wav", 1.0, 1, heard))[-4:] == ("happy", 0.4, "angry", 0.2)
    assert three.values(FileRow("a.wav", 1.0, 1, Emotion(None, None, None, 0.0)))[-4:] == (None,) * 4


def test_more_labels_than_there_are_give_all():
    assert Schema(["angry", "sad"], top_k=9).ranks == ("label_2", "confidence_2")


def test_offering_the_formats_imports_none_of_them():
    code = "import sys, ser_batch.output.formats; print([m for m in sys.modules if 'pyarrow' in m or 'csv' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


if __name__ == "__main__":
    for each in FORMATS:
        with TemporaryDirectory() as place:
            (GOLDEN / f"{each}.txt").write_bytes(golden(each, Path(place)).encode())
