import pytest

from ser_batch.corpora.attributes import with_attributes
from ser_batch.corpora.clips import Clip
from ser_batch.errors import SerBatchError

TABLE = (
    "clip,actor,emotion,fold,sex,race,votes_anger,votes_sad\n"
    "1001_DFA_ANG_XX,1001,ANG,2,Male,Asian,8,\n"
    "1002_DFA_SAD_XX,1002,SAD,3,Female,African American,1,7\n"
)


@pytest.fixture
def clips():
    return [
        Clip("a.wav", "deep/1001_DFA_ANG_XX", "angry", "1001", {"sentence": "DFA"}),
        Clip("b.wav", "1002_DFA_SAD_XX", "sad", "1002", {}),
        Clip("c.wav", "1003_DFA_SAD_XX", "sad", "1003", {}),
    ]


@pytest.mark.parametrize("place", [".", ".."])
def test_rows_by_file_beside_the_audio_or_above_it(clips, tmp_path, place):
    folder = tmp_path / "AudioWAV"
    folder.mkdir()
    (folder / place / "attributes.csv").write_text(TABLE)
    first, second, third = with_attributes(clips, folder)
    assert first.attributes == {
        "sentence": "DFA",
        "fold": "2",
        "sex": "male",
        "race": "Asian",
        "vote_angry": "8",
        "vote_sad": "",
    }
    assert second.attributes["vote_sad"] == "7"
    assert third == clips[2]


def test_rows_by_speaker(clips, tmp_path):
    (tmp_path / "attributes.csv").write_text("speaker,age\n1002,31\n")
    assert [clip.attributes.get("age") for clip in with_attributes(clips, tmp_path)] == [None, "31", None]


def test_a_table_for_other_clips_is_refused_in_the_folder_and_ignored_above_it(clips, tmp_path):
    (tmp_path / "attributes.csv").write_text("file,fold\nother.wav,1\n")
    with pytest.raises(SerBatchError, match=r"attributes\.csv: no row is about a clip here"):
        with_attributes(clips, tmp_path)
    (tmp_path / "inner").mkdir()
    assert with_attributes(clips, tmp_path / "inner") == clips
