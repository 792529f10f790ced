import json
from pathlib import Path

import pandas
import pytest

from ser_batch.output.formats import FORMATS
from ser_batch.output.schema import Emotion, FileRow, SegmentRow

LABELS = ["angry", "sad"]
GOLDEN = Path(__file__).parent / "golden"

SAD = Emotion("sad", 0.75, (0.25, 0.75), 0.5)
ANGRY = Emotion("angry", 1.0, (1.0, 0.0), 1.0)
SILENCE = Emotion(None, None, None, 0.0)
ROWS = [
    (FileRow("a b/c,d.wav", 4.25, 2, SAD), [
        SegmentRow("a b/c,d.wav", 0.0, 3.0, SAD),
        SegmentRow("a b/c,d.wav", 1.5, 4.25, ANGRY),
    ]),
    (FileRow('e"\n.mp3', 0.000023, 1, SILENCE), [SegmentRow('e"\n.mp3', 0.0, 0.000023, SILENCE)]),
    (FileRow("not utf-8 \udcff.wav", 0.5, 1, ANGRY), [SegmentRow("not utf-8 \udcff.wav", 0.0, 0.5, ANGRY)]),
]  # fmt: skip


def write(name, folder):
    writer = FORMATS[name](folder, LABELS)
    for file, segments in ROWS:
        writer.write(file, segments)
    writer.close()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", FORMATS)
def test_output_is_the_golden_one(name, tmp_path):
    """Columns are only ever added at the end: whoever changes these files raises the schema version."""
    for file, content in write(name, tmp_path).items():
        assert content == (GOLDEN / file).read_bytes(), file


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_appears_before_it_is_complete(name, tmp_path):
    writer = FORMATS[name](tmp_path, LABELS)
    writer.write(*ROWS[0])
    assert all(path.suffix == ".partial" for path in tmp_path.iterdir())
    writer.close()
    assert not list(tmp_path.glob("*.partial"))


def test_pandas_reads_the_csv(tmp_path):
    write("csv", tmp_path)
    files = pandas.read_csv(tmp_path / "files.csv")
    assert files.columns.tolist() == [
        "file", "duration", "n_segments", "label", "confidence", "p_angry", "p_sad", "speech_ratio", "status",
    ]  # fmt: skip
    assert files["file"].tolist() == ["a b/c,d.wav", 'e"\n.mp3', "not utf-8 \\udcff.wav"]
    assert files["status"].tolist() == ["ok", "silent", "ok"]
    assert files[["label", "confidence", "p_angry", "p_sad"]].iloc[1].isna().all()
    segments = pandas.read_csv(tmp_path / "segments.csv")
    assert segments.columns.tolist()[:3] == ["file", "start", "end"]
    assert segments["end"].tolist() == [3.0, 4.25, 0.000023, 0.5]


def test_json_nests_segments_in_files(tmp_path):
    write("json", tmp_path)
    document = json.loads((tmp_path / "annotations.json").read_text())
    assert document["schema_version"] == 1
    assert [len(file["segments"]) for file in document["files"]] == [2, 1, 1]
    assert document["files"][0]["segments"][0]["probabilities"] == {"angry": 0.25, "sad": 0.75}
    assert document["files"][1]["label"] is None


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_give_an_empty_table_with_its_header(name, tmp_path):
    FORMATS[name](tmp_path, LABELS).close()
    for path in tmp_path.iterdir():
        assert b"label" in path.read_bytes()


def test_the_command_offers_every_format():
    from ser_batch.cli import annotate

    assert tuple(FORMATS) == annotate.FORMATS
