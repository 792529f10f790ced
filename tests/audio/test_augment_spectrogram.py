from dataclasses import replace

import numpy as np
import pytest

from ser_batch.audio import augment_spectrogram, features
from ser_batch.audio.augment_spectrogram import Strengths
from ser_batch.audio.windows import load

STILL = Strengths(
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
FRAMES = np.array([188, 150, 120, 90, 40, 5, 1])


@pytest.fixture
def clips(rng):
    """Clips of several lengths, 0 dB at their loudest, with ripples that a warp moves."""
    bands = rng.uniform(-70, -20, (len(FRAMES), 188, 128)).astype(np.float32)
    bands[:, 0, 60] = 0
    bands[np.arange(188) >= FRAMES[:, None]] = -80
    return bands


def padding_of(frames):
    return np.arange(188) >= frames[:, None]


def test_without_strength_nothing_changes(clips, rng):
    changed, frames, positions = augment_spectrogram.augment(clips, FRAMES, rng, STILL)
    np.testing.assert_allclose(changed, clips, atol=1e-4)
    np.testing.assert_array_equal(frames, FRAMES)
    for row, n in zip(positions, FRAMES, strict=True):
        np.testing.assert_allclose(row[:n], np.arange(n))


def test_everything_stays_in_range_and_the_padding_silent(clips, rng):
    strong = Strengths(
        crops=(188,), stretch=0.3, time_warp=20, frequency_warp=0.2, noise_share=1, snr_db=(-5, 5)
    )
    given = clips.copy()
    for _ in range(20):
        changed, frames, _ = augment_spectrogram.augment(clips, FRAMES, rng, strong)
        assert changed.dtype == np.float32
        assert changed.min() >= -80
        assert changed.max() <= 1e-4
        assert np.all(changed[padding_of(frames)] == -80)
        assert np.all((frames >= 1) & (frames <= 188))
    np.testing.assert_array_equal(clips, given)


def test_one_seed_gives_one_result(clips):
    first, again, other = (
        augment_spectrogram.augment(clips, FRAMES, np.random.default_rng(seed), Strengths(crops=(120,)))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_crop_is_a_piece_of_the_clip(clips, rng):
    cut, frames, start = augment_spectrogram.crop(clips, FRAMES, rng, 100)
    np.testing.assert_array_equal(frames, np.minimum(FRAMES, 100))
    for clip, piece, n, begin in zip(clips, cut, frames, start, strict=True):
        assert piece.shape == (100, 128)
        assert piece.max() == 0
        raised = piece[:n, 64] - piece[0, 64]
        places = [
            k for k in range(188 - 99) if np.allclose(clip[k : k + n, 64] - clip[k, 64], raised, atol=1e-3)
        ]
        assert places == [begin] or n == 1
        assert np.all(piece[n:] == -80)


def test_batches_are_cut_to_one_of_the_lengths(clips, rng):
    lengths = {
        augment_spectrogram.augment(clips, FRAMES, rng, Strengths(crops=(96, 120)))[0].shape[1]
        for _ in range(20)
    }
    assert lengths == {96, 120}


def test_a_quieter_room_leaves_the_voice_and_takes_the_noise(rng):
    """Against the same clip recorded without its noise."""
    voice = rng.uniform(-30, 0, (20, 188, 128)).astype(np.float32)
    voice[:, 60:] = -80
    voice[:, :, :40] -= 20
    noise = np.full_like(voice, -50)
    recorded = (10 * np.log10(10 ** (voice / 10) + 10 ** (noise / 10))).astype(np.float32)
    quieter = augment_spectrogram.subtract_noise(
        recorded, np.full(20, 188), rng, replace(STILL, quieter_share=1)
    )
    np.testing.assert_allclose(quieter[:, :60, 40:], recorded[:, :60, 40:], atol=1)
    depth = recorded[:, 100] - quieter[:, 100]
    assert depth.min() >= 0
    assert (depth.max(axis=1) > 25).any()
    assert np.all(quieter >= -80)


def test_the_equaliser_colours_all_frames_alike(clips, rng):
    coloured = augment_spectrogram.equalise(clips, FRAMES, rng, replace(STILL, equaliser_db=3))
    curve = (coloured - clips)[:3, :100]
    # the floor hides what would fall below it
    assert np.ptp(curve, axis=1)[coloured[:3, :100].min(axis=1) > -80].max() < 1e-3
    assert 1 < curve.std(axis=2).max() < 12
    np.testing.assert_allclose(coloured.max(axis=(1, 2)), 0, atol=1e-4)


def test_a_slower_clip_is_longer(clips, rng):
    strengths = replace(STILL, stretch=0.25)
    _, frames, _ = augment_spectrogram.warp(clips, FRAMES, rng, strengths)
    assert np.all(frames <= np.minimum(188, np.ceil(FRAMES / 0.75)))
    assert np.all(frames >= np.floor(FRAMES / 1.25))
    assert (frames != FRAMES).any()


def test_a_shift_rolls_the_clip_within_itself(rng):
    strengths = replace(STILL, shift=20)
    clip = np.full((1, 188, 128), -80, np.float32)
    clip[0, :100] = np.linspace(-50, 0, 100)[:, None]
    rolled, frames, positions = augment_spectrogram.warp(clip, np.array([100]), rng, strengths)
    assert frames == [100]
    np.testing.assert_allclose(rolled[0, :100], clip[0, positions[0, :100].astype(int)], atol=1e-4)
    np.testing.assert_allclose(np.sort(rolled[0, :100, 0]), clip[0, :100, 0], atol=1e-4)
    assert abs(int(rolled[0, :, 0].argmax()) - 99) % 100 <= 20 or rolled[0, :, 0].argmax() < 20


def test_a_frequency_warp_moves_a_tone_by_its_factor(rng):
    strengths = replace(STILL, frequency_warp=0.1)
    clip = np.full((64, 188, 128), -60, np.float32)
    clip[:, :, 70] = 0
    warped, _, _ = augment_spectrogram.warp(clip, np.full(64, 188), rng, strengths)
    centres = augment_spectrogram._band_centres()
    ratios = centres[warped[:, 50].argmax(axis=1)] / centres[70]
    assert 0.87 <= ratios.min() < 0.96
    assert 1.04 < ratios.max() <= 1.14


def test_a_silent_clip_stays_silent(rng):
    silence = np.full((2, 188, 128), -80, np.float32)
    warped, _, _ = augment_spectrogram.warp(silence, np.array([188, 60]), rng, Strengths())
    assert np.all(warped == -80)


def test_noise_has_the_signal_to_noise_ratio_that_was_asked_for(rng):
    """Against the same mixture made of audio: white noise of 10 dB in the waveform."""
    strengths = Strengths(noise_share=1, snr_db=(10, 10))
    time = np.arange(48_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 30)) * np.sin(2 * np.pi * time) ** 2
    voice = voice.astype(np.float32)
    noise = rng.normal(0, np.sqrt(np.mean(voice**2) / 10), len(voice)).astype(np.float32)
    expected = features.log_mel(voice + noise)
    clean = np.repeat(features.log_mel(voice)[None], 64, axis=0)
    noisy = augment_spectrogram.add_noise(clean, np.full(64, 188), rng, strengths)
    # brown noise is loud where white is not: the whitest of the 64 draws must fit
    distance = np.abs(noisy - expected).mean(axis=(1, 2))
    assert distance.min() < 4
    assert np.abs(noisy.mean(axis=1) - expected.mean(axis=0)).mean(axis=1).min() < 1


def test_a_mixture_has_the_ratio_that_was_asked_for(clips, rng):
    noise = rng.uniform(0, 3, clips.shape).astype(np.float32)
    asked = np.linspace(-5, 20, len(clips))
    mixed = augment_spectrogram.mix(clips, noise, FRAMES, asked)
    band_widths = 1 / features.mel_filters().max(axis=0)
    for clip, hiss, mixture, n, ratio in zip(clips, noise, mixed, FRAMES, asked, strict=True):
        speech, hiss, mixture = 10 ** (clip[:n] / 10), hiss[:n], 10 ** (mixture[:n] / 10)
        # what share of each the mixture is made of
        shares, *_ = np.linalg.lstsq(np.stack([speech.ravel(), hiss.ravel()], 1), mixture.ravel(), rcond=None)
        powers = [
            share * (part @ band_widths).mean() for share, part in zip(shares, (speech, hiss), strict=True)
        ]
        assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(ratio, abs=0.05)
    np.testing.assert_allclose(augment_spectrogram.mix(clips, 0 * noise, FRAMES, 5.0), clips, atol=1e-4)


def test_recorded_noise_is_added_to_its_share_of_the_clips(clips, rng):
    bank = rng.uniform(0, 3, (5, 188, 128)).astype(np.float32)
    changed = augment_spectrogram.augment(clips, FRAMES, rng, replace(STILL, recorded_share=1), bank)[0]
    for clip, noisy, n in zip(clips, changed, FRAMES, strict=True):
        assert (np.abs(noisy - clip)[:n] > 1).mean() > 0.2
        assert np.all(noisy[n:] == -80)
    still = augment_spectrogram.augment(clips, FRAMES, rng, replace(STILL, recorded_share=0), bank)[0]
    np.testing.assert_allclose(still, clips, atol=1e-4)
    cropped = replace(STILL, crops=(100,), recorded_share=1)
    assert augment_spectrogram.augment(clips, FRAMES, rng, cropped, bank)[0].shape[1] == 100


def test_masks_blank_runs_with_the_clips_mean(rng):
    strengths = Strengths(time_masks=1, time_mask_frames=20, band_masks=1, band_mask_bands=10)
    bands = rng.uniform(-60, 0, (200, 188, 128)).astype(np.float32)
    frames = np.full(200, 160)
    bands[:, 160:] = -80
    masked = augment_spectrogram.mask(bands, frames, rng, strengths)
    changed = masked != bands
    assert not changed[:, 160:].any()
    mean = bands[:, :160].mean(axis=(1, 2))
    np.testing.assert_allclose(masked[changed], np.repeat(mean, changed.sum(axis=(1, 2))), rtol=1e-4)
    whole_frames = changed[:, :160].all(axis=2).sum(axis=1)
    whole_bands = changed[:, :160].all(axis=1).sum(axis=1)
    assert 15 < whole_frames.max() <= 20
    assert 7 < whole_bands.max() <= 10


def test_mixup_blends_targets_as_it_blends_clips(clips, rng):
    targets = np.eye(len(clips), dtype=np.float32)
    partners = augment_spectrogram.mixup_partners(len(clips), rng, 0.4)
    mixed, shares = augment_spectrogram.blend([clips, targets], *partners)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert np.all(shares.diagonal() >= 0.5)
    np.testing.assert_allclose(mixed, np.einsum("ij,jtf->itf", shares, clips), atol=1e-3)


def test_speech_is_recognisable_after_a_gentle_change(samples, rng):
    """Real speech keeps its shape: a small warp leaves most of the log-mel within a few dB of where it was."""
    found = sorted(samples.rglob("*.flac"))
    if not found:
        pytest.skip("samples/ is empty")
    bands = features.log_mel(load(str(found[0]), 3.0))[None]
    gentle = replace(STILL, stretch=0.01, time_warp=1, frequency_warp=0.01)
    changed, _, _ = augment_spectrogram.warp(bands, np.array([188]), rng, gentle)
    assert np.corrcoef(changed.ravel(), bands.ravel())[0, 1] > 0.9
