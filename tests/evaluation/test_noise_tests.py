"""Clips under noise: audio and spectrograms are mixed with the same ratio."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from ser_batch.audio import features, front_end
from ser_batch.audio.noise import Noise, white
from ser_batch.audio.windows import load
from ser_batch.corpora.feature_table import FeatureTable
from ser_batch.errors import SerBatchError
from ser_batch.evaluation.evaluate import evaluate_bundle
from ser_batch.evaluation.noise_tests import noisy_log_mel


@pytest.fixture(scope="module")
def spoken(samples):
    """The demo audio of speech, with its paths and as a stored table has it."""
    paths = sorted(str(path) for path in samples.rglob("*.flac"))
    clips = [load(path, 3.0) for path in paths]
    return FeatureTable(
        corpus="samples",
        front_end=front_end.FRONT_END,
        names=paths,
        labels=["neutral"] * len(paths),
        speakers=paths,
        levels=np.stack([features.to_levels(features.log_mel(clip)) for clip in clips]),
        frames=np.array([features.true_frames(len(clip)) for clip in clips]),
        paths=paths,
    )


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 0.0])
def test_a_stored_table_is_mixed_as_its_audio_would_be(spoken, rng, snr_db):
    """Within 1.5 dB a cell on average, though the phases of speech and noise are not known to a table."""
    red = lfilter([1], [1, -0.95], rng.normal(size=(4, 48_000))).astype(np.float32)
    for noise in (white(), Noise("red", red)):
        for row in range(len(spoken)):
            heard = noisy_log_mel(spoken, row, noise, snr_db)[: spoken.frames[row]]
            stored = noisy_log_mel(replace(spoken, paths=[]), row, noise, snr_db)[: spoken.frames[row]]
            clean = spoken.log_mel(slice(row, row + 1))[0, : spoken.frames[row]]
            assert np.abs(heard - stored).mean() < 1.5
            assert np.abs(heard - clean).mean() > 3


def test_a_clip_meets_the_same_noise_wherever_it_stands_in_a_table(spoken):
    last = len(spoken) - 1
    alone = spoken.select(np.array([last]))
    np.testing.assert_array_equal(
        noisy_log_mel(alone, 0, white(), 5), noisy_log_mel(spoken, last, white(), 5)
    )


def test_noise_comes_before_noise_reduction(spoken):
    gated = replace(spoken, denoise="gate")
    assert (noisy_log_mel(gated, 0, white(), 5) != noisy_log_mel(spoken, 0, white(), 5)).any()
    with pytest.raises(SerBatchError, match="noise comes before it"):
        noisy_log_mel(replace(gated, paths=[]), 0, white(), 5)


def test_an_evaluation_has_the_figures_under_each_noise_at_each_ratio(bundle, make_table):
    table = make_table(2, speakers=("gus", "hal"), seed=3)
    evaluation = evaluate_bundle(bundle, table, noises=[white()], snrs=(60, -20))
    summary = evaluation.summary()
    assert list(summary["under_noise"]) == ["white"]
    gentle, harsh = (summary["under_noise"]["white"][ratio] for ratio in ("60", "-20"))
    assert set(gentle) == {"uar", "accuracy", "macro_f1", "ece", "ece_uncalibrated"}
    # emotions of the toy corpus are loud bands, which noise drowns
    assert gentle["uar"] > 0.9 * summary["uar"]
    assert harsh["uar"] < 0.7 * summary["uar"]
