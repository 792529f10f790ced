"""The published log-mel table of CREMA-D becomes a feature table, row by row."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_batch.audio.features import log_mel, to_levels
from ser_batch.audio.front_end import FRONT_END, N_FRAMES, N_MELS
from ser_batch.corpora.feature_table import FeatureTable

SCRIPT = Path(__file__).resolve().parents[2] / "models" / "import_crema_d.py"
COLUMNS = (
    "clip,actor,sentence,emotion,level,fold,duration_s,row,sex,age,race,ethnicity,"
    "votes_anger,votes_disgust,votes_fear,votes_happy,votes_neutral,votes_sad"
)


def run(*arguments: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


def publish(folder: Path, names: list[str], rows: list[str]) -> np.ndarray:
    """Write a published table of random spectrograms, uint8 `[names, 128, 188]`."""
    mel = np.random.default_rng(1).integers(0, 256, (len(names), N_MELS, N_FRAMES), dtype=np.uint8)
    np.savez(folder / "logmel_u8.npz", names=np.array(names), mel=mel)
    (folder / "clips.csv").write_text("\n".join([COLUMNS, *rows, ""]))
    return mel


def test_the_published_table_is_imported(tmp_path: Path) -> None:
    mel = publish(
        tmp_path,
        ["1076_MTI_SAD_XX", "1001_IEO_FEA_HI", "1002_DFA_ANG_XX"],
        [
            "1002_DFA_ANG_XX,1002,DFA,ANG,XX,3,1.6,2,Female,21,Caucasian,Not Hispanic,8,1,0,0,2,0",
            "1001_DFA_HAP_XX,1001,DFA,HAP,XX,2,2.0,,Male,51,Caucasian,Not Hispanic,0,0,0,9,0,0",
            "1001_IEO_FEA_HI,1001,IEO,FEA,HI,2,3.5,1,Male,51,Caucasian,Not Hispanic,0,1,7,0,1,1",
            "1076_MTI_SAD_XX,1076,MTI,SAD,XX,5,2.6,0,Female,25,Caucasian,Not Hispanic,0,1,0,0,5,3",
        ],
    )
    result = run(tmp_path, tmp_path / "table.npz")
    assert result.returncode == 0, result.stderr
    assert "2 clips of 2 actors" in result.stdout
    table = FeatureTable.load(tmp_path / "table.npz")
    assert (table.corpus, table.front_end, table.denoise) == ("CREMA-D", FRONT_END, "off")
    assert table.names == ["1002_DFA_ANG_XX", "1001_IEO_FEA_HI"]
    assert table.labels == ["angry", "fear"]
    assert table.speakers == ["1002", "1001"]
    np.testing.assert_array_equal(table.levels, mel[[2, 1]].transpose(0, 2, 1))
    np.testing.assert_array_equal(table.frames, [1 + 25_600 // 256, N_FRAMES])
    assert table.attributes == {
        "age": ["21", "51"],
        "level": ["XX", "HI"],
        "sentence": ["DFA", "IEO"],
        "fold": ["3", "2"],
        "sex": ["female", "male"],
        "vote_angry": ["8", "0"],
        "vote_disgust": ["1", "1"],
        "vote_fear": ["0", "7"],
        "vote_happy": ["0", "0"],
        "vote_neutral": ["2", "1"],
        "vote_sad": ["0", "1"],
    }


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (["1002_DFA_ANG_XX,1002,DFA,ANG,XX,3,1.6,0,Female,21,,,8,1,0,0,2,0"], "does not describe"),
        (["1001_IEO_FEA_HI,1001,IEO,FEA,HI,2,3.5,7,Male,51,,,0,1,7,0,1,1"], "does not describe"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, rows: list[str], complaint: str) -> None:
    publish(tmp_path, ["1001_IEO_FEA_HI"], rows)
    result = run(tmp_path, tmp_path / "table.npz")
    assert result.returncode == 1
    assert complaint in result.stderr
    assert not (tmp_path / "table.npz").exists()


def test_files_that_are_missing_or_something_else(tmp_path: Path) -> None:
    assert "logmel_u8.npz: cannot be read" in run(tmp_path, tmp_path / "table.npz").stderr
    publish(tmp_path, ["1001_IEO_FEA_HI"], [])
    (tmp_path / "clips.csv").write_text("clip,actor\n")
    assert "columns are missing: age, duration_s" in run(tmp_path, tmp_path / "table.npz").stderr
    (tmp_path / "clips.csv").unlink()
    assert "clips.csv: cannot be read" in run(tmp_path, tmp_path / "table.npz").stderr


@pytest.mark.slow
def test_the_front_end_gives_the_imported_numbers_from_the_original_recordings(
    corpora: Path, tmp_path: Path
) -> None:
    assert run(corpora / "crema-d", tmp_path / "table.npz").returncode == 0
    table = FeatureTable.load(tmp_path / "table.npz")
    with (corpora / "crema-d" / "clips.csv").open(newline="") as lines:
        assert len(table.names) == sum(bool(row["row"]) for row in csv.DictReader(lines)) - 1
    for path in sorted((corpora / "crema-d" / "original_wav").glob("*.wav")):
        row = table.names.index(path.stem)
        audio, _ = soundfile.read(path, dtype="float32")
        levels = to_levels(log_mel(audio[:48_000])).astype(int)
        assert np.abs(levels - table.levels[row]).max() <= 1
        assert table.frames[row] == min(N_FRAMES, 1 + len(audio) // 256)
