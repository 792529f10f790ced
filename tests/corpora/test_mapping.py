import pytest

from ser_batch.corpora.clips import LABELS, SYNONYMS
from ser_batch.corpora.mapping import SIX, read_mapping
from ser_batch.errors import SerBatchError


def test_six_brings_every_known_label_to_crema_ds() -> None:
    assert set(SIX) == set(SYNONYMS) - set(LABELS)
    assert set(SIX.values()) <= {*LABELS, ""}
    assert read_mapping("six") == SIX
    assert read_mapping(None) == {}


def test_words_of_a_file_are_brought_to_one_spelling(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("from,to\nPleasant Surprise,Joy\nboredom,\nverbal-abuse,ANG\nWeary\n")
    expected = {"surprised": "happy", "bored": "", "verbal_abuse": "angry", "weary": ""}
    assert read_mapping(path) == expected == read_mapping(str(path))
    assert read_mapping({"Pleasant Surprise": "Joy"}) == {"surprised": "happy"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calm,neutral\n", "no columns from,to"),
        ("from,to\nfear,sad\nfearful,angry\n", "fearful is mapped twice"),
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path, text: str, said: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(SerBatchError, match=said):
        read_mapping(tmp_path / "labels.csv")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SerBatchError, match=r"nowhere\.csv: cannot be read"):
        read_mapping("nowhere.csv")
