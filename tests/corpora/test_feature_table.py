import numpy as np
import pytest

from ser_batch.audio import features, front_end
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError


def test_a_saved_table_is_loaded_as_it_was(table, tmp_path):
    path = tmp_path / "deep" / "toy.npz"
    table.save(path)
    loaded = FeatureTable.load(path)
    np.testing.assert_array_equal(loaded.levels, table.levels)
    np.testing.assert_array_equal(loaded.frames, table.frames)
    for field in ("corpus", "front_end", "names", "labels", "speakers", "attributes", "denoise"):
        assert getattr(loaded, field) == getattr(table, field)
    assert [file.name for file in path.parent.iterdir()] == ["toy.npz"]


def test_select_takes_a_mask_or_indexes(table):
    mask = np.array([speaker == "bob" for speaker in table.speakers])
    by_mask, by_index = table.select(mask), table.select(np.flatnonzero(mask)[::-1])
    assert set(by_mask.speakers) == {"bob"}
    assert by_index.names == by_mask.names[::-1]
    np.testing.assert_array_equal(by_index.levels, by_mask.levels[::-1])
    assert by_mask.attributes["age"] == [str(i) for i in np.flatnonzero(mask)]


def test_where_keeps_the_clips_of_one_value(table):
    assert set(table.where("fold", "2").speakers) == {"cyd", "dan"}
    assert set(table.where("label", "sad").labels) == {"sad"}
    with pytest.raises(SerBatchError, match="no column level: choose one of sex, fold"):
        table.where("level", "HI")
    with pytest.raises(SerBatchError, match="no clip with fold=9: choose one of 1, 2, 3"):
        table.where("fold", "9")


def test_log_mel_is_what_the_stored_levels_stand_for(table):
    some = table.log_mel(np.array([3, 1]))
    assert some.shape == (2, front_end.N_FRAMES, front_end.N_MELS)
    assert some.dtype == np.float32
    np.testing.assert_array_equal(some[1], features.from_levels(table.levels[1]))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really a zip", b"file,label\na.wav,sad\n"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "table.npz"
    path.write_bytes(content)
    with pytest.raises(SerBatchError, match=r"table\.npz: not a feature table: make one with"):
        FeatureTable.load(path)


def test_foreign_arrays_and_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    np.savez(tmp_path / "b.npz", about=np.array({"pickled": True}, dtype=object))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(SerBatchError, match="not a feature table"):
            FeatureTable.load(tmp_path / name)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(SerBatchError, match=r"nowhere\.npz: no such feature table"):
        FeatureTable.load(tmp_path / "nowhere.npz")


def test_a_table_of_another_front_end_is_refused(table, tmp_path):
    other = table.select(np.arange(2))
    other.front_end = {**front_end.FRONT_END, "hop": 160}
    other.save(tmp_path / "other.npz")
    with pytest.raises(SerBatchError, match="another front end"):
        FeatureTable.load(tmp_path / "other.npz")


def test_a_folder_that_cannot_be_written_is_named(table, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SerBatchError, match="cannot be written"):
        table.save(tmp_path / "file" / "table.npz")
