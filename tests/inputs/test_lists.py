"""Lists and manifests: each line is a path, or an error that names the line."""

import contextlib
import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.errors import SerBatchError
from ser_batch.inputs.lists import read_list, read_manifest


def manifest(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def entries(path: Path) -> list[str]:
    return [os.path.relpath(entry, path.parent) for entry in read_manifest(path)]


def test_a_list_has_one_path_a_line() -> None:
    assert list(read_list(io.StringIO("a.wav\n\n  \nb c.wav\r\n d.wav "))) == ["a.wav", "b c.wav", " d.wav "]
    assert list(read_list(io.BytesIO("é.wav\n".encode() + b"caf\xe9.wav"))) == [
        "é.wav",
        os.fsdecode(b"caf\xe9.wav"),
    ]


def test_a_list_that_is_binary_is_refused() -> None:
    with pytest.raises(SerBatchError, match="line 2: binary data"):
        list(read_list(io.BytesIO(b"OggS\nabc\0\n")))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_path(encoding: str) -> None:
    assert list(read_list(io.BytesIO("é.wav\r\nb.wav\r\n".encode(encoding)))) == ["é.wav", "b.wav"]


def test_blanks_and_backslashes_are_taken_as_meant_where_only_that_file_exists(tmp_path: Path) -> None:
    for name in ("sub/a.wav", " b.wav", "c.wav", "d\\e.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lines = ["sub\\a.wav", " b.wav", " c.wav ", "d\\e.wav", "gone\\x.wav"]
    expected = ["sub/a.wav", " b.wav", "c.wav", "d\\e.wav", "gone\\x.wav"]
    assert entries(manifest(tmp_path, "file\n" + "\n".join(lines) + "\n")) == expected
    listed = read_list(io.StringIO("".join(f"{tmp_path}/{line}\n" for line in lines)))
    assert list(listed) == [f"{tmp_path}/{name}" for name in [*expected[:2], " c.wav ", *expected[3:]]]


def test_a_list_is_read_line_by_line() -> None:
    def lines():
        yield "a.wav\n"
        raise AssertionError("read ahead")

    assert next(read_list(lines())) == "a.wav"


@pytest.mark.parametrize(
    "text",
    [
        "file\na.wav\nb.wav\n",
        "id,path\n1,a.wav\n2,b.wav\n",
        "\ufeffFile,label\na.wav,sad\n\n,\nb.wav,happy\n",
        "path,file\nwrong.wav,a.wav\nwrong.wav,b.wav\n",
        "name,size\na.wav,1\nb.wav,2\n",
        "a.wav\nb.wav\n",
        'a.wav,"x,y"\n"b.wav",\n',
        "file;label\na.wav;sad\nb.wav;happy\n",
        "id\tpath\n1\ta.wav\n2\tb.wav\n",
        "a.wav;sad\nb.wav;happy\n",
        "sep=;\nlabel;filename\nsad;a.wav\nhappy;b.wav\n",
        "\nid, file\n1, a.wav\n2, b.wav\n",
        'label, file\n"x, y", "a.wav"\nz, b.wav\n',
        '{"audio_filepath": "a.wav", "duration": 2.0}\n{"audio_filepath": "b.wav", "duration": 1}\n',
    ],
)
def test_the_column_of_a_csv(tmp_path: Path, text: str) -> None:
    assert entries(manifest(tmp_path, text)) == ["a.wav", "b.wav"]


def test_a_tsv_is_split_at_tabs(tmp_path: Path) -> None:
    assert entries(manifest(tmp_path, "id\tfile\n1\ta,b.wav\n", "list.tsv")) == ["a,b.wav"]


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-8-sig"])
def test_the_encodings_of_a_spreadsheet(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes("\ufefffile;label\nä.wav;wütend\n".encode(encoding.removesuffix("-sig")))
    assert entries(path) == ["ä.wav"]


def test_a_path_that_is_not_utf8_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes("file\na.wav\nfröhlich.wav\n".encode("cp1252"))
    with pytest.raises(SerBatchError, match=r"m\.csv, line 3: not UTF-8: save it as CSV UTF-8"):
        list(read_manifest(path))
    (tmp_path / os.fsdecode("fröhlich.wav".encode("cp1252"))).touch()
    assert os.fsencode(entries(path)[1]) == "fröhlich.wav".encode("cp1252")


def test_kaldis_list(tmp_path: Path) -> None:
    path = manifest(tmp_path, "utt1 a.wav\nutt2\t  b c.wav \n\n", "wav.scp")
    assert entries(path) == ["a.wav", "b c.wav"]
    path.write_text("utt1 a.wav\nutt2 sph2pipe -f wav b.sph |\n")
    with pytest.raises(SerBatchError, match=r"wav\.scp, line 2: a command, not a file: run it"):
        entries(path)


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "JSONL"])
def test_json_lines(tmp_path: Path, suffix: str) -> None:
    text = '{"file": "a.wav", "x": 1}\n\n{"path": "b\\nc.wav"}\n'
    assert entries(manifest(tmp_path, text, f"list.{suffix}")) == ["a.wav", "b\nc.wav"]


def test_relative_entries_belong_to_the_manifests_folder_and_absolute_ones_stay(tmp_path: Path) -> None:
    path = manifest(tmp_path, "file\nsub/a.wav\n/data/b.wav\n../c.wav\n")
    assert list(read_manifest(path)) == [f"{tmp_path}/sub/a.wav", "/data/b.wav", f"{tmp_path}/../c.wav"]


@pytest.mark.parametrize(
    ("name", "text", "line", "complaint"),
    [
        ("m.csv", "id,file\n1,a.wav\n2\n", 3, "no path"),
        ("m.csv", "id,file\n1,a.wav\n2, \n", 3, "no path"),
        ("m.csv", 'file\na.wav\n"b.wav\nc.wav\n', 4, "not valid CSV"),
        ("m.csv", 'file\n"a"b.wav\n', 2, "not valid CSV"),
        ("m.jsonl", '{"file": "a.wav"}\n{"file": \n', 2, "not valid JSON"),
        ("m.jsonl", '\n["a.wav"]\n', 2, "not an object"),
        ("m.jsonl", '{"name": "a.wav"}\n', 1, "no path"),
        ("m.jsonl", '{"file": 3}\n', 1, "no path"),
        ("m.jsonl", "[" * 100_000, 1, "not valid JSON"),
        ("m.csv", "file\na.wav\nb\0.wav\n", 3, "binary data"),
        ("m.jsonl", "\0" * 5_000_000, 1, "binary data"),
        ("m.csv", "x" * 5_000_000, 1, "binary data"),
        ("m.csv", "x" * 500_000, 1, "not valid CSV"),
    ],
)
def test_malformed_manifests_are_named_with_the_line(
    tmp_path: Path, name: str, text: str, line: int, complaint: str
) -> None:
    path = manifest(tmp_path, text, name)
    with pytest.raises(SerBatchError) as raised:
        list(read_manifest(path))
    assert f"{path}, line {line}: {complaint}" in str(raised.value)


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(SerBatchError, match="cannot be read"):
            list(read_manifest(path))


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name.strip() and name not in (".", "..")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, max_size=5))
def test_any_name_survives_a_manifest(tmp_path_factory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    with (folder / "m.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["id", "file"], *(["1", name] for name in names)])
    (folder / "m.jsonl").write_text("".join(json.dumps({"file": name}) + "\n" for name in names))
    expected = [str(folder / name) for name in names]
    assert list(read_manifest(folder / "m.csv")) == expected
    assert list(read_manifest(folder / "m.jsonl")) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(st.sampled_from('file,;\t"{}:\n.wav 0start'), max_size=60).map(str.encode)
)
def test_no_content_of_a_table_is_a_traceback(tmp_path_factory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("m.csv", "m.json", "wav.scp", "segments"):
        (folder / name).write_bytes(content)
        with contextlib.suppress(SerBatchError):
            list(read_manifest(folder / name))
    with contextlib.suppress(SerBatchError):
        list(read_list(io.BytesIO(content)))
