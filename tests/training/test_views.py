import numpy as np
import pytest
import soundfile

import ser_batch
from ser_batch.audio import features
from ser_batch.audio.augment_room import other_room
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.bundle import load_bundle
from ser_batch.training.batches import Batches
from ser_batch.training.options import Rooms, TrainOptions
from ser_batch.training.views import Views


@pytest.fixture(scope="module")
def corpus(samples, tmp_path_factory):
    """A folder for each emotion: six speakers, a piece of our own voice each, anger with clipped peaks."""
    folder = tmp_path_factory.mktemp("corpus")
    speech = load(str(samples / "meeting" / "introduction.flac"), 3.0)
    for speaker in range(6):
        for emotion, gain in (("angry", 8), ("sad", 0.5)):
            (folder / emotion).mkdir(exist_ok=True)
            piece = np.clip(speech[2_000 * speaker :] * gain, -0.5, 0.5)
            soundfile.write(folder / emotion / f"speaker{speaker}_{emotion}.wav", piece, 16_000)
    return folder


@pytest.fixture(scope="module")
def table(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "toy.npz"
    ser_batch.features(corpus, path, views=3, jobs=2)
    return path


def test_views_are_other_rooms_of_their_clips(table):
    clips = FeatureTable.load(table)
    views = Views.open(table.with_suffix(".views"), clips)
    assert views.levels.shape == (12, 3, 188, 128)
    assert views.frames.shape == (12, 3)
    whole = (views.frames == 188).all()
    assert whole or views.frames.max() <= 188
    changed = np.abs(views.levels.astype(int) - clips.levels[:, None]).mean(axis=(2, 3)) > 1
    assert changed.mean() > 0.6
    some = clips.select(np.array([7, 2]))
    levels, frames = Views.open(table.with_suffix(".views"), some).draw(
        np.array([1]), np.random.default_rng(0)
    )
    assert any(np.array_equal(levels[0], view) for view in views.levels[2])
    assert frames[0] in views.frames[2]


def test_views_follow_seed_and_name(corpus, table, tmp_path):
    ser_batch.features(corpus, tmp_path / "again.npz", views=3, jobs=1)
    first, again = (
        np.load(path.with_suffix(".views") / "levels.npy") for path in (table, tmp_path / "again.npz")
    )
    np.testing.assert_array_equal(first, again)
    import zlib

    path = corpus / "sad" / "speaker0_sad.wav"
    rng = np.random.default_rng([0, 1, zlib.crc32(path.name.encode())])
    expected = features.log_mel(other_room(load(str(path), 3.5), rng)[:48_000])
    row = FeatureTable.load(table).names.index("sad/speaker0_sad")
    np.testing.assert_array_equal(first[row, 1], features.to_levels(expected))


def test_batches_replace_a_share_of_the_clips_by_views(table):
    clips = FeatureTable.load(table)
    views = Views.open(table.with_suffix(".views"), clips)
    targets, weights = np.eye(2, dtype="f")[np.arange(12) % 2], np.ones(2, "f")
    for share, expected in ((0.0, 12), (1.0, 0)):
        batches = Batches(
            clips,
            np.arange(12),
            targets,
            weights,
            TrainOptions(batch_size=12, augment="none", features="logmel", rooms=Rooms(share=share)),
            views=views,
        )
        (batch,) = batches.epoch(0)
        plain = {clip.tobytes() for clip in clips.log_mel()}
        known = {features.from_levels(view).tobytes() for clip in views.levels for view in clip}
        seen = [clip.tobytes() for clip in batch.inputs[0]]
        assert sum(clip in plain for clip in seen) >= expected
        assert all(clip in (plain if share == 0 else known) for clip in seen)


def test_views_of_other_clips_are_refused(table, tmp_path):
    clips = FeatureTable.load(table)
    clips.names[0] = "other"
    with pytest.raises(SerBatchError, match="no views for these clips"):
        Views.open(table.with_suffix(".views"), clips)
    with pytest.raises(SerBatchError, match="no views for these clips"):
        Views.open(tmp_path, clips)
    with pytest.raises(UsageError, match="views need its audio"):
        ser_batch.features(table, tmp_path / "b.npz", views=1)


@pytest.mark.slow
def test_a_training_uses_stored_views_or_computes_them(corpus, table, tmp_path):
    settings = {
        "rooms.views": 2,
        "cnn.widths": [8],
        "cnn.stem": 8,
        "batch_size": 6,
        "mixed_precision": False,
        "weights": "float32",
    }
    for source in (corpus, table):
        ser_batch.train(source, tmp_path / source.name, settings=settings, epochs=1, jobs=1)
        card = load_bundle(tmp_path / source.name).card
        assert card["training"]["recipe"]["stages"][0]["rooms"] == {"views": 2, "share": 0.7}
        assert not (tmp_path / source.name / "views").exists()
    ser_batch.features(corpus, tmp_path / "bare.npz", jobs=1)
    with pytest.raises(UsageError, match="a stored table without views"):
        ser_batch.train(tmp_path / "bare.npz", tmp_path / "c", settings=settings)
