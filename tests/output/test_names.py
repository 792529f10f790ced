"""Names in CSV files: any bytes can be restored, and no spreadsheet runs them."""

import csv
import os
import re

import pandas
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ser_batch.output.csv_table import CsvTable
from ser_batch.output.names import from_utf8, in_utf8

# what a file system may hold: any bytes but NUL and the slash, in folders or not
NAMES = st.lists(
    st.binary(min_size=1, max_size=12)
    .map(lambda part: part.translate(None, b"\0/"))
    .filter(lambda part: part.strip(b".")),
    min_size=1,
    max_size=3,
).map(b"/".join)
TROUBLE = st.text("=+-@\t\r\n\\\"',; udc5ef80＝", min_size=1, max_size=20).map(str.encode)
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def original(cell):
    """The recipe of docs/inputs.md."""
    return re.sub(rb"\\udc(5c|[89a-f][0-9a-f])", lambda m: bytes.fromhex(m[1].decode()), cell.encode())


@settings(max_examples=300)
@given(st.one_of(NAMES, TROUBLE))
@example(b"\\udcff")
@example(b"\xff\\udcff")
@example(b"\\\xff")
@example(b"\\udc5c\\udc80")
def test_every_name_has_its_own_spelling_in_utf8(name):
    spelling = in_utf8(os.fsdecode(name))
    assert original(spelling) == name
    assert os.fsencode(from_utf8(spelling)) == name


MESSAGES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=";\t\r\n"), max_size=10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.one_of(NAMES, TROUBLE), MESSAGES), max_size=5))
@example([(b"=1+1", "=1+1"), (b"a;=1+1", "@x"), (b'\r"@x', "-1"), (b"a\t+1", "+1"), ("＝1".encode(), "＋1")])
def test_a_table_gives_every_name_back_and_runs_none(tmp_path_factory, inputs):
    path = tmp_path_factory.mktemp("names") / "failures.csv"
    table = CsvTable(path, ("file", "message"))
    for name, message in inputs:
        table.write((os.fsdecode(name), message))
    table.close()
    for separator in ",;\t":
        with path.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines, delimiter=separator)
        assert not [cell for row in rows for cell in row if cell.startswith(STARTS)]
        if separator == ",":
            assert header == ["file", "message"]
            for (name, message), (file, said) in zip(inputs, rows, strict=True):
                assert original(file) in (name, b"./" + name)
                assert said in (message, f"'{message}")


def test_pandas_reads_them(tmp_path):
    names = ["=1.wav", "a\nb.wav", 'c",d.wav', "e;f.wav", "g\th.wav"]
    table = CsvTable(tmp_path / "files.csv", ("file", "duration"))
    for name in names:
        table.write((name, 1.0))
    table.close()
    assert [os.path.normpath(name) for name in pandas.read_csv(tmp_path / "files.csv")["file"]] == names


def test_a_row_of_another_length_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        CsvTable(tmp_path / "x.csv", ("file", "message")).write(("a",))
