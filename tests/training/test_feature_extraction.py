import shutil
import subprocess

import numpy as np
import pytest

import ser_batch
from ser_batch.audio import features
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError
from tests.running import SER_BATCH, group, wait_until, workers


@pytest.fixture
def corpus(samples, tmp_path):
    """A folder per emotion, of our own voices."""
    folder = tmp_path / "corpus"
    for emotion, source in (("happy", "meeting/introduction.flac"), ("sad", "phone/booking.wav")):
        for speaker in ("anna", "ben"):
            (folder / emotion).mkdir(parents=True, exist_ok=True)
            shutil.copy(samples / source, folder / emotion / f"{speaker}_1{(samples / source).suffix}")
    return folder


def test_a_table_holds_what_the_front_end_gives(corpus, tmp_path):
    table = ser_batch.features(corpus, tmp_path / "table.npz", jobs=2)
    assert table.names == ["happy/anna_1", "happy/ben_1", "sad/anna_1", "sad/ben_1"]
    assert table.labels == ["happy", "happy", "sad", "sad"]
    assert table.speakers == ["anna", "ben", "anna", "ben"]
    audio = load(str(corpus / "happy" / "anna_1.flac"), 3.0)
    np.testing.assert_array_equal(table.levels[0], features.to_levels(features.log_mel(audio)))
    assert table.frames[0] == features.true_frames(len(audio))
    stored = FeatureTable.load(tmp_path / "table.npz")
    np.testing.assert_array_equal(stored.levels, table.levels)


def test_several_corpora_are_joined_in_one_table(corpus, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(corpus / "sad", other / "sad")
    shutil.copytree(corpus / "happy", other / "bored")
    joined = ser_batch.features([corpus, other], tmp_path / "both.npz", views=1)
    assert sorted(set(joined.labels)) == ["sad"]
    assert len(joined.paths) == len(set(joined.names)) == 4
    assert np.load(tmp_path / "both.views" / "levels.npy").shape[:2] == (4, 1)
    assert FeatureTable.load(tmp_path / "both.npz").speakers == joined.speakers


def test_denoise_is_applied_and_recorded(corpus):
    plain, gated = (ser_batch.features(corpus, denoise=denoise) for denoise in ("off", "gate"))
    assert gated.denoise == "gate"
    assert gated.levels.mean() < plain.levels.mean() - 10


def test_a_bad_clip_is_left_out_by_name(corpus, capsys):
    (corpus / "sad" / "carl_1.wav").write_text("dear diary")
    table = ser_batch.features(corpus, progress=True)
    assert len(table) == 4
    assert "carl_1.wav: not audio" in capsys.readouterr().err


def test_only_bad_clips_are_an_error(tmp_path):
    for emotion in ("happy", "sad"):
        (tmp_path / emotion).mkdir()
        (tmp_path / emotion / "a.wav").write_text("version https://git-lfs.github.com/spec/v1\noid\n")
    with pytest.raises(SerBatchError, match="git lfs pull"):
        ser_batch.features(tmp_path)


def test_no_process_survives_the_parent(corpus):
    for k in range(400):
        shutil.copy(corpus / "happy" / "anna_1.flac", corpus / "happy" / f"anna_{k + 2}.flac")
    command = [*SER_BATCH, "features", str(corpus), "-o", str(corpus / "table.npz"), "-j", "2"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: len(workers(running.pid)) == 2)
    running.kill()
    running.wait()
    wait_until(lambda: not group(running.pid), 20)
