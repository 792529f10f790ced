"""Annotation as a step of a Ray Data pipeline."""

import re
import shutil

import pytest

import ser_batch
from ser_batch.errors import SerBatchError
from tests.running import ROOT, rows

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'ser-batch[ray]'")
pytest.importorskip("ray.data", reason="needs Ray Data: pip install 'ser-batch[ray]'")
pytestmark = pytest.mark.slow

BESIDE_FILES = {"path", "bytes", "speaker", "error", "file"}


@pytest.fixture(scope="module", autouse=True)
def data():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", "0" * 64)  # or Ray writes one into the home directory
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray.data
        ray.shutdown()


@pytest.fixture(scope="module")
def recordings(samples, tmp_path_factory):
    folder = shutil.copytree(samples / "meeting", tmp_path_factory.mktemp("data") / "recordings")
    (folder / "bad.wav").write_text("dear diary")
    return folder


@pytest.fixture(scope="module")
def tables(recordings, tmp_path_factory):
    """Output folder of the local engine."""
    folder = tmp_path_factory.mktemp("tables")
    ser_batch.annotate_to(recordings, folder)
    return folder


def in_text(row):
    """A row as the tables have it."""
    decimals = {"duration": 6, "start": 6, "end": 6}
    return {
        name: ""
        if value is None
        else f"{value:.{decimals.get(name, 4)}f}"
        if isinstance(value, float)
        else str(value)
        for name, value in row.items()
        if name not in BESIDE_FILES
    }


def without_file(row):
    return {name: value for name, value in row.items() if name != "file"}


def test_rows_with_paths_get_what_the_tables_say(data, recordings, tables):
    from ser_batch.ray import annotate_dataset

    expected = {row["file"]: without_file(row) for row in rows(tables / "files.csv")}
    names = [*expected, "bad.wav", "QUESTION.WAV", "gone.wav"]
    given = data.from_items([{"path": str(recordings / name), "speaker": k} for k, name in enumerate(names)])
    found = sorted(annotate_dataset(given, batch_size=3, actors=1).take_all(), key=lambda row: row["speaker"])
    assert len(found) == len(names)
    for name, row in zip(names, found, strict=True):
        if name in expected:
            assert in_text(row) == expected[name]
        else:
            assert (row["status"], row["label"], row["p_angry"]) == ("failed", None, None)
            assert ("not audio" if name == "bad.wav" else "No such file") in row["error"]


def test_rows_with_bytes_become_a_row_for_each_segment(data, recordings, tables):
    from ser_batch.ray import annotate_dataset

    given = data.read_binary_files(str(recordings), include_paths=True)
    found = annotate_dataset(given, segments=True, actors=1).take_all()
    good = [row for row in found if not row["error"]]
    assert sorted((row["path"].rpartition("/")[2], *in_text(row).items()) for row in good) == sorted(
        (row["file"], *without_file(row).items()) for row in rows(tables / "segments.csv")
    )
    assert [row["path"].rpartition("/")[2] for row in found if row["error"]] == ["bad.wav"]
    assert all("bytes" not in row for row in found)


def test_a_column_of_the_same_name_is_not_overwritten(data):
    from ser_batch.ray import annotate_dataset

    with pytest.raises(SerBatchError, match="columns label already"):
        annotate_dataset(data.from_items([{"path": "a.wav", "label": "sad"}]))


def test_the_recipe_of_the_documents_works(data, recordings, tables, tmp_path):
    [recipe] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "cluster.md").read_text(), re.DOTALL)
    shutil.copytree(recordings, tmp_path / "recordings")
    exec(recipe.replace("/data", str(tmp_path)), {})
    found = data.read_parquet(str(tmp_path / "emotions")).take_all()
    labels = {row["path"].rpartition("/")[2]: row["label"] for row in found if row["status"] == "ok"}
    assert labels == {row["file"]: row["label"] for row in rows(tables / "files.csv")}
