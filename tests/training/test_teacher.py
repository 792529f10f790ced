from dataclasses import replace

import numpy as np
import pytest

from ser_batch.audio import features
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.runtime import Network
from ser_batch.training.batches import Batches
from ser_batch.training.options import TrainOptions
from ser_batch.training.teacher import N_FRAMES, Teacher, _components, _principal


@pytest.fixture
def teacher(table):
    """One that says when each of its frames is, in seconds, and the place of the clip."""
    seconds = (np.arange(N_FRAMES) + 0.5) / 25
    frames = np.broadcast_to(seconds[:, None], (len(table), N_FRAMES, 4)).astype(np.float16)
    clips = np.repeat(np.arange(len(table), dtype=np.float32)[:, None], 3, axis=1) / len(table)
    bands = np.stack([table.log_mel([row])[0, :70].mean(axis=0) for row in range(len(table))])
    return Teacher("a toy", table.names, frames, clips, bands.astype(np.float16))


def test_it_speaks_of_the_time_that_it_is_asked_about(teacher):
    positions = np.array([[2.0, 31.25, 100.0], [3.5, 62.5, 185.0]], np.float32)
    said = teacher.at(np.array([0, 5]), positions)
    np.testing.assert_allclose(said[..., 0], positions * 256 / 16_000, atol=2e-3)


def test_batches_ask_it_about_where_the_augmented_frames_come_from(teacher, table):
    rows = np.arange(32)
    targets = np.eye(3, dtype=np.float32)[rows % 3]
    still = Strengths(
        crops=(),
        stretch=0,
        time_warp=0,
        shift=0,
        frequency_warp=0,
        equaliser_db=0,
        quieter_share=0,
        noise_share=0,
        time_masks=0,
        band_masks=0,
    )
    batches = Batches(
        table, rows, targets, np.ones(3, np.float32), TrainOptions(augmentation=still), teacher=teacher
    )
    (batch,) = batches.epoch(0)
    assert batch.targets["frames"].shape == (32, 47, 4)
    order = (batch.targets["clip"][:, 0] * len(table)).round().astype(int)
    heard = np.arange(1, 188, 4) < table.frames[order][:, None]
    np.testing.assert_allclose(batch.weights["frames"], heard / heard.mean(), rtol=1e-5)
    middle = np.broadcast_to((np.arange(47) * 4 + 1.5) * 256 / 16_000, heard.shape)
    np.testing.assert_allclose(batch.targets["frames"][heard, 0], middle[heard], atol=2e-3)

    slower = replace(still, stretch=0.3)
    (batch,) = replace(batches, options=TrainOptions(augmentation=slower)).epoch(0)
    said = np.where(batch.weights["frames"] > 0, batch.targets["frames"][..., 0], 0)
    order = (batch.targets["clip"][:, 0] * len(table)).round().astype(int)
    fits = (table.frames[order] < 120) & (batch.weights["frames"].sum(axis=1) > 5)
    assert fits.any()
    # whatever the rate, the last frames that are heard come from the end of the clip
    np.testing.assert_allclose(said.max(axis=1)[fits], table.frames[order][fits] * 256 / 16_000, atol=0.15)


@pytest.mark.slow
def test_a_network_learns_to_imitate_and_ships_without_it(teacher, table, quick, tmp_path):
    from ser_batch.training.job import Job
    from ser_batch.training.train import fit

    bundle = fit(Job(table, (quick,), teacher=teacher, quiet=True), tmp_path / "taught")
    assert bundle.card["training"]["teacher"] == "a toy"
    assert Network(bundle.network_path)(table.log_mel(slice(0, 1))[0]).shape == (3,)


def test_principal_components_are_those_of_svd(rng):
    values = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))).astype(np.float32)
    ours = _principal(values, 3)(values)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    left, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    theirs = left[:, :3] * np.sqrt(sizes[:3])
    for one, other in zip(ours.T, theirs.T, strict=True):
        assert abs(np.corrcoef(one, other)[0, 1]) > 0.999
    assert np.square(ours).mean() == pytest.approx(1, rel=0.05)


def test_components_leave_the_padding_out(table, rng):
    said = rng.normal(0, 1, (len(table), N_FRAMES, 150)).astype(np.float16)
    loud = said.copy()
    for clip, n in zip(loud, table.frames, strict=True):
        clip[int(np.ceil(n * 256 / 16_000 * 25)) :] = 100
    np.testing.assert_allclose(_components(said, table).clips, _components(loud, table).clips, atol=1e-3)


def test_it_is_stored_and_found_by_name(teacher, table, tmp_path):
    teacher.save(tmp_path / "teacher.npz")
    some = table.select(np.array([7, 2]))
    found = Teacher.load(tmp_path / "teacher.npz", some)
    np.testing.assert_array_equal(found.clips, teacher.clips[[7, 2]])
    with pytest.raises(SerBatchError, match="make it again"):
        Teacher.load(tmp_path / "teacher.npz", replace(table, names=["other"] * len(table)))
    (tmp_path / "text.npz").write_text("dear diary")
    with pytest.raises(SerBatchError, match="not a teacher"):
        Teacher.load(tmp_path / "text.npz", table)


def test_it_cannot_follow_waveforms(teacher, table, tmp_path):
    from ser_batch.training.job import Job
    from ser_batch.training.train import fit

    options = TrainOptions(augment="waveform")
    with pytest.raises(UsageError, match="not with a teacher"):
        fit(Job(replace(table, paths=table.names), (options,), teacher=teacher, quiet=True), tmp_path)


@pytest.mark.slow
def test_whisper_hears_what_the_front_end_gives(corpora):
    """Frozen features of real clips tell emotions apart: layers are wired as they were trained."""
    from ser_batch.training.networks import whisper_encoder

    weights = corpora / "weights" / "whisper-tiny-en" / "encoder_f16.npz"
    encoder = whisper_encoder.encoder(weights)
    stored = np.load(corpora / "crema-d" / "logmel_u8.npz")
    assert stored["names"][0] == "1019_DFA_ANG_XX"
    bands = features.from_levels(stored["mel"][:8].swapaxes(1, 2))
    norm = np.asarray(encoder.predict_on_batch(bands)[3])
    assert norm.shape == (8, 150, 384)
    # the last layer norm of the trained network, not of a random one: its published gains are far from 1
    assert 0.5 < np.abs(norm).mean() < 1
