"""Every format, read by a reader from another project, has the values of the rows."""

import json
import os
import shutil
import subprocess
from xml.etree import ElementTree

import audformat
import pandas as pd
import pympi
import pysrt
import pytest
import webvtt
from praatio import textgrid
from pyarrow import parquet

from ser_batch.output.formats.rttm import _field
from ser_batch.output.schema import SCHEMA_VERSION, Emotion, FileRow, SegmentRow
from ser_batch.output.timeline import stretches
from tests.output.rows import LABELS, ROWS, write

SPELLED = {"not utf-8 \udcff.wav": "not utf-8 \\udcff.wav"}
NAMES = [SPELLED.get(file.file, file.file) for file, _ in ROWS]
SEGMENTS = [segment for _, segments in ROWS for segment in segments]
NUMBERS = ["confidence", "p_angry", "p_sad", "speech_ratio"]


def numbers(emotion):
    """The values of `NUMBERS`, with NaN where there are none."""
    missing = float("nan")
    shares = emotion.probabilities or (missing, missing)
    return [missing if emotion.confidence is None else emotion.confidence, *shares, emotion.speech_ratio]


def check_table(files, segments):
    """Two tables of pandas' against the rows."""
    assert files["file"].tolist() == NAMES
    assert files["duration"].tolist() == [file.duration for file, _ in ROWS]
    assert files["n_segments"].tolist() == [file.n_segments for file, _ in ROWS]
    assert segments[["start", "end"]].values.tolist() == [[s.start, s.end] for s in SEGMENTS]
    assert segments["file"].tolist() == [SPELLED.get(s.file, s.file) for s in SEGMENTS]
    for table, rows in ((files, [file for file, _ in ROWS]), (segments, SEGMENTS)):
        labels = [None if pd.isna(label) else label for label in table["label"]]
        assert labels == [row.emotion.label for row in rows]
        assert table["status"].tolist() == [row.emotion.status for row in rows]
        expected = pd.DataFrame([numbers(row.emotion) for row in rows], columns=NUMBERS)
        pd.testing.assert_frame_equal(table[NUMBERS], expected, check_dtype=False)


@pytest.mark.parametrize(("name", "separator"), [("csv", ","), ("tsv", "\t")])
def test_pandas_reads_csv_and_tsv(tmp_path, name, separator):
    write(name, tmp_path)
    check_table(
        *(pd.read_csv(tmp_path / f"{table}.{name}", sep=separator) for table in ("files", "segments"))
    )


def test_pandas_and_pyarrow_read_parquet(tmp_path):
    write("parquet", tmp_path)
    check_table(*(pd.read_parquet(tmp_path / f"{table}.parquet") for table in ("files", "segments")))
    assert (
        parquet.read_metadata(tmp_path / "files.parquet").metadata[b"schema_version"]
        == b"%d" % SCHEMA_VERSION
    )


def test_parquet_is_written_in_row_groups(tmp_path, monkeypatch):
    from ser_batch.output.formats import parquet as ours

    monkeypatch.setattr(ours, "GROUP_ROWS", 3)
    write("parquet", tmp_path, rows=ROWS * 4)
    metadata = parquet.read_metadata(tmp_path / "segments.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [3] * 12
    assert (
        parquet.read_table(tmp_path / "segments.parquet")["end"].to_pylist() == [s.end for s in SEGMENTS] * 4
    )


def jq(program, path):
    if not shutil.which("jq"):
        pytest.skip("needs jq: apt-get install jq")
    done = subprocess.run(["jq", "-c", program, path], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_jq_reads_json(tmp_path):
    write("json", tmp_path)
    [version] = jq(".schema_version", tmp_path / "annotations.json")
    assert version == SCHEMA_VERSION
    found = jq(".files[] | [.file, .duration, .status, (.segments | length)]", tmp_path / "annotations.json")
    expected = [[file.file, file.duration, file.emotion.status, len(segments)] for file, segments in ROWS]
    expected[2][0] = "not utf-8 \ufffd.wav"  # as jq shows a byte that is no character
    assert found == expected
    probabilities = jq(".files[].segments[].probabilities", tmp_path / "annotations.json")
    assert probabilities == [
        s.emotion.probabilities and dict(zip(LABELS, s.emotion.probabilities, strict=True)) for s in SEGMENTS
    ]


def test_jq_reads_json_lines(tmp_path):
    write("jsonl", tmp_path)
    found = jq("[.start, .end, .label, .p_sad, .status]", tmp_path / "segments.jsonl")
    assert found == [
        [
            s.start,
            s.end,
            s.emotion.label,
            s.emotion.probabilities and s.emotion.probabilities[1],
            s.emotion.status,
        ]
        for s in SEGMENTS
    ]
    assert jq(".n_segments", tmp_path / "files.jsonl") == [file.n_segments for file, _ in ROWS]


def test_names_in_json_give_their_bytes(tmp_path):
    write("jsonl", tmp_path)
    names = [json.loads(line)["file"] for line in (tmp_path / "files.jsonl").read_text().splitlines()]
    assert list(map(os.fsencode, names)) == [os.fsencode(file.file) for file, _ in ROWS]


def each(tmp_path, folder, suffix):
    """Each input's file in a tree, with its rows."""
    for (file, segments), name in zip(ROWS, NAMES, strict=True):
        yield str(tmp_path / folder / (name + suffix)), file, segments


def test_praatio_reads_textgrids(tmp_path):
    write("textgrid", tmp_path)
    for path, file, segments in each(tmp_path, "textgrid", ".TextGrid"):
        grid = textgrid.openTextgrid(path, includeEmptyIntervals=True, reportingMode="error")
        assert (grid.minTimestamp, grid.maxTimestamp) == (0, file.duration)
        assert grid.validate(reportingMode="error")
        timeline = list(stretches(segments))
        labels, confidences = (grid.getTier(name).entries for name in ("label", "confidence"))
        assert [(i.start, i.end, i.label) for i in labels] == [
            (s.start, s.end, s.emotion.label or "") for s in timeline
        ]
        shown = [s.emotion.confidence for s in timeline]
        assert [i.label for i in confidences] == ["" if c is None else f"{c:.4f}" for c in shown]
        if file.speech is None:
            assert "speech" not in grid.tierNames
            continue
        speech = grid.getTier("speech").entries
        assert tuple((i.start, i.end) for i in speech if i.label == "speech") == file.speech
        assert (speech[0].start, speech[-1].end) == (0, file.duration)


def test_pympi_reads_elan(tmp_path):
    write("elan", tmp_path)
    for path, _, segments in each(tmp_path, "elan", ".eaf"):
        eaf = pympi.Elan.Eaf(path)
        assert list(eaf.get_tier_names()) == ["label", "confidence"]
        timeline = [(round(s.start * 1000), round(s.end * 1000), s.emotion) for s in stretches(segments)]
        labels = [(start, end, e.label) for start, end, e in timeline if e.label]
        assert sorted(eaf.get_annotation_data_for_tier("label")) == labels
        confidences = [(start, end, f"{e.confidence:.4f}") for start, end, e in timeline if e.probabilities]
        assert sorted(eaf.get_annotation_data_for_tier("confidence")) == confidences
        assert "%" in eaf.media_descriptors[0]["MEDIA_URL"]
        root = ElementTree.parse(path).getroot()
        used = [
            ref
            for a in root.iter("ALIGNABLE_ANNOTATION")
            for ref in (a.get("TIME_SLOT_REF1"), a.get("TIME_SLOT_REF2"))
        ]
        assert len(used) == len(set(used))
        times = [int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")]
        assert times == sorted(times)


def test_elan_is_told_where_an_absolute_name_is(tmp_path):
    rows = [(FileRow("/a b/c.WAV", *ROWS[0][0].__getstate__()[1:]), ROWS[0][1])]
    write("elan", tmp_path, rows=rows)
    media = pympi.Elan.Eaf(str(tmp_path / "elan" / "a b" / "c.WAV.eaf")).media_descriptors[0]
    assert (media["MEDIA_URL"], media["MIME_TYPE"]) == ("file:///a%20b/c.WAV", "audio/x-wav")


def test_audformat_reads_its_database(tmp_path):
    write("audformat", tmp_path, top_k=2)
    db = audformat.Database.load(str(tmp_path / "audformat"), load_data=True)
    files, segments = db["files"].get(), db["segments"].get()
    assert audformat.is_filewise_index(files.index)
    assert audformat.is_segmented_index(segments.index)
    assert db.schemes["emotion"].labels == LABELS
    times = [segments.index.get_level_values(level).total_seconds() for level in ("start", "end")]
    segments = segments.reset_index(drop=True).assign(start=times[0], end=times[1])
    segments["file"] = db["segments"].index.get_level_values("file")
    assert files["label_2"].tolist()[0] == "angry"
    check_table(
        *(table.astype({"label": object, "status": object}) for table in (files.reset_index(), segments))
    )


def test_audformat_reads_a_database_of_plain_names_with_pyarrow(tmp_path):
    """The names above take its slower way, through pandas."""
    heard = Emotion("sad", 0.75, (0.25, 0.75), 0.5)
    long = FileRow("a.wav", 90_061.5, 1, heard), [SegmentRow("a.wav", 0.0, 90_061.5, heard)]
    write("audformat", tmp_path, rows=[long])
    db = audformat.Database.load(str(tmp_path / "audformat"), load_data=True)
    assert db["segments"].ends.tolist() == [pd.Timedelta("1 days 01:01:01.5")]
    assert db.get("emotion").iloc[0, 0] == "sad"


def test_an_rttm_has_ten_fields_a_line(tmp_path):
    write("rttm", tmp_path)
    turns = [line.split() for line in (tmp_path / "annotations.rttm").read_text().splitlines()]
    assert {len(turn) for turn in turns} == {10}
    expected = [
        (_field(file.file), s.start, round(s.end - s.start, 6), s.emotion.label, s.emotion.confidence)
        for file, segments in ROWS
        for s in stretches(segments)
        if s.emotion.label
    ]
    assert [(t[1], float(t[3]), float(t[4]), t[7], float(t[8])) for t in turns] == expected
    assert all(turn[0] == "SPEAKER" for turn in turns)


def test_speech_in_rttm_is_a_speaker(tmp_path):
    write("rttm", tmp_path)
    turns = [line.split() for line in (tmp_path / "speech.rttm").read_text().splitlines()]
    assert {len(turn) for turn in turns} == {10}
    assert {turn[7] for turn in turns} == {"speech"}
    stretches = [(_field(file.file), *stretch) for file, _ in ROWS for stretch in file.speech or ()]
    assert [(t[1], float(t[3]), round(float(t[3]) + float(t[4]), 6)) for t in turns] == stretches


def shown(segments):
    """The captions of a file: start and end in milliseconds, and the text."""
    return [
        (round(s.start * 1000), round(s.end * 1000), f"{s.emotion.label} {s.emotion.confidence:.4f}")
        for s in stretches(segments)
        if s.emotion.label
    ]


def test_webvtt_py_reads_webvtt(tmp_path):
    write("webvtt", tmp_path)
    for path, _, segments in each(tmp_path, "webvtt", ".vtt"):
        cues = webvtt.read(path)
        assert [
            (c.start_time.in_milliseconds(), c.end_time.in_milliseconds(), c.text) for c in cues
        ] == shown(segments)


def test_pysrt_reads_srt(tmp_path):
    write("srt", tmp_path)
    for path, _, segments in each(tmp_path, "srt", ".srt"):
        cues = pysrt.open(path, encoding="utf-8")
        assert [(c.start.ordinal, c.end.ordinal, c.text) for c in cues] == shown(segments)
        assert [c.index for c in cues] == list(range(1, len(cues) + 1))


def test_audacity_labels_are_three_columns(tmp_path):
    write("audacity", tmp_path)
    for path, _, segments in each(tmp_path, "audacity", ".txt"):
        with open(path, encoding="utf-8") as lines:
            found = [line.rstrip("\n").split("\t") for line in lines]
        times = [(round(float(start) * 1000), round(float(end) * 1000), text) for start, end, text in found]
        assert times == shown(segments)
