"""Spectrogram augmentation: cropping, warping, equalising, added noise, masks, mixup. Used in training only.

A batch of spectrograms is float32 `[clips, frames, 128]`: log-mel in dB relative to each clip's loudest cell, between
-80 and 0. `frames`, `[clips]`, is the number of frames of each clip that hold audio; the frames after them are padding
and stay at -80 dB. The functions that take `bands, frames, rng, strengths` return the changed batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ser_batch.audio import features, front_end
from ser_batch.audio.front_end import FLOOR_DB, N_MELS
from ser_batch.audio.noise import white

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
Rng = np.random.Generator

MAX_SUBTRACTED = 6.0
EQUALISER_WAVES = 4


@dataclass(frozen=True)
class Strengths:
    """Limits of the random changes, which are drawn for each clip.

    Attributes:
        crops: lengths in frames; each batch is cropped to one of them. () for no cropping.
        stretch: the tempo is changed by a rate of 1 - stretch to 1 + stretch.
        time_warp: a point inside the clip moves by up to this many frames; the ends do not move.
        shift: the clip is rotated by up to this many frames (20 frames are about 5,000 samples).
        frequency_warp: frequencies are multiplied by 1 - frequency_warp to 1 + frequency_warp.
        equaliser_db: standard deviation of a smooth curve over the bands that is added.
        quieter_share: share of the clips from which their own background noise is subtracted.
        noise_share: share of the clips to which synthetic noise is added.
        snr_db: range of its signal-to-noise ratio.
        recorded_share: share of the clips to which recorded noise is added, if there is any.
        recorded_snr_db: range of its signal-to-noise ratio.
        time_masks: number of runs of frames that are masked.
        time_mask_frames: largest length of such a run.
        band_masks: number of runs of mel bands that are masked.
        band_mask_bands: largest length of such a run.
        mixup: alpha of the Beta distribution of the mixup weights; 0 for no mixup.
    """

    crops: tuple[int, ...] = (128, 144, 160)
    stretch: float = 0.12
    time_warp: float = 4.0
    shift: int = 20
    frequency_warp: float = 0.08
    equaliser_db: float = 2.0
    quieter_share: float = 0.3
    noise_share: float = 0.15
    snr_db: tuple[float, float] = (3.0, 28.0)
    recorded_share: float = 0.15
    recorded_snr_db: tuple[float, float] = (3.0, 28.0)
    time_masks: int = 1
    time_mask_frames: int = 16
    band_masks: int = 1
    band_mask_bands: int = 12
    mixup: float = 0.0


def augment(
    bands: Array, frames: Ints, rng: Rng, strengths: Strengths, recorded: Array | None = None
) -> tuple[Array, Ints, Array]:
    """Apply all changes except mixup to a batch.

    Args:
        bands: float32 `[clips, frames, 128]` in dB.
        frames: `[clips]`, number of frames that hold audio.
        rng: random generator.
        strengths: limits of the changes.
        recorded: mel power of recorded noise, `[windows, 188, 128]`, from `ser_batch.audio.noise.Noise.power`.

    Returns:
        The changed batch, its new `frames`, and for each new frame its position in the old clip, `[clips, frames]`.
    """
    start = np.zeros(len(bands), np.int64)
    if strengths.crops:
        bands, frames, start = crop(bands, frames, rng, rng.choice(strengths.crops))
    bands, frames, positions = warp(bands, frames, rng, strengths)
    bands = subtract_noise(bands, frames, rng, strengths)
    bands = equalise(bands, frames, rng, strengths)
    bands = add_noise(bands, frames, rng, strengths)
    if recorded is not None:
        bands = add_recorded_noise(bands, frames, rng, strengths, recorded)
    return mask(bands, frames, rng, strengths), frames, positions + start[:, None]


def crop(bands: Array, frames: Ints, rng: Rng, length: int) -> tuple[Array, Ints, Ints]:
    """Crop each clip to `length` frames at a random start; returns the batch, its `frames`, and the starts."""
    start = rng.integers(0, np.maximum(frames - length, 0) + 1)
    rows = start[:, None] + np.arange(length)
    frames = np.minimum(frames, length)
    return _relative_to_loudest(bands[np.arange(len(bands))[:, None], rows], frames), frames, start


def warp(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> tuple[Array, Ints, Array]:
    """Stretch, warp and rotate the time axis, and scale the frequency axis; returns the same as `augment`.

    Source of the frequency scaling: N. Jaitly and G. Hinton, "Vocal Tract Length Perturbation (VTLP)", 2013.
    """
    in_time, frames = _time_positions(frames, bands.shape[1], rng, strengths)
    bands = _resample(bands, in_time)
    bands = _resample(bands.swapaxes(1, 2), _band_positions(len(bands), rng, strengths)).swapaxes(1, 2)
    return _relative_to_loudest(bands, frames), frames, in_time


def equalise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Add a smooth random curve over the bands, a sum of four cosines, like another microphone."""
    if not strengths.equaliser_db:
        return bands
    cosines = smooth_curves()
    sizes = rng.normal(0, strengths.equaliser_db, (len(bands), EQUALISER_WAVES))
    return _relative_to_loudest(bands + (sizes @ cosines).astype(np.float32)[:, None], frames)


def smooth_curves() -> NDArray[np.float64]:
    """Cosines over the bands, `[4, 128]`; a random sum of them is a smooth curve, like another microphone's."""
    wave = np.arange(1, EQUALISER_WAVES + 1)[:, None]
    return np.cos(np.pi * wave * np.arange(N_MELS) / (N_MELS - 1)) / np.sqrt(wave)


def subtract_noise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Subtract the background noise of some clips in power, so that its level does not identify the corpus.

    The noise of a band is its tenth percentile; up to six times its power is subtracted.
    Source: S. Boll, "Suppression of Acoustic Noise in Speech", IEEE Trans. ASSP 27(2), 1979.
    """
    chosen = np.flatnonzero(rng.random(len(bands)) < strengths.quieter_share)
    out = bands.copy()
    for clip in chosen:
        audio = bands[clip, : frames[clip]]
        noise = np.percentile(audio, 10, axis=0)
        power = _power(audio) - rng.uniform(0, MAX_SUBTRACTED) * _power(noise)
        out[clip, : frames[clip]] = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return _relative_to_loudest(out, frames)


def add_noise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Add synthetic noise, from white to brown, to some clips."""
    noisy = np.flatnonzero(rng.random(len(bands)) < strengths.noise_share)
    if not len(noisy):
        return bands
    bank = white().power[:, : bands.shape[1]]
    noise = bank[rng.integers(len(bank), size=len(noisy))]
    # power falls with the frequency to the power of 0 (white) to 2 (brown)
    slope = rng.uniform(0, 2, len(noisy)).astype(np.float32)
    noise = noise * np.exp(-slope[:, None, None] * np.log(_band_centres() / _band_centres()[0]))
    return _mix_some(bands, noisy, noise, frames, rng.uniform(*strengths.snr_db, len(noisy)))


def add_recorded_noise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths, recorded: Array) -> Array:
    """Add recorded noise to some clips; `recorded` as for `augment`."""
    noisy = np.flatnonzero(rng.random(len(bands)) < strengths.recorded_share)
    window = rng.integers(len(recorded), size=len(noisy))
    start = rng.integers(recorded.shape[1] - bands.shape[1] + 1, size=len(noisy))
    noise = recorded[window[:, None], start[:, None] + np.arange(bands.shape[1])]
    return _mix_some(bands, noisy, noise, frames, rng.uniform(*strengths.recorded_snr_db, len(noisy)))


def mix(bands: Array, noise: Array, frames: Ints, snr_db: float | NDArray[np.float64]) -> Array:
    """Add noise to speech in power, at a ratio of their mean powers over the frames that hold audio.

    Equals `ser_batch.audio.noise.mix` on audio, except for the phases (cells with speech and noise of equal level can
    differ by some dB) and for noise below the lowest band, which is not counted.

    Args:
        bands: float32 `[clips, frames, 128]` in dB.
        noise: mel power of the same shape, at any scale; silence adds nothing.
        frames: `[clips]`, number of frames that hold audio.
        snr_db: one number, or `[clips]`.

    Returns:
        Float32 like `bands`, relative to each clip's loudest cell.
    """
    mixed = _power(bands)
    loudness = _loudness(noise, frames)
    gain = np.where(
        loudness > 0, _loudness(mixed, frames) / np.maximum(loudness, 1e-30) / 10 ** (snr_db / 10), 0
    )
    mixed += noise * gain.astype(np.float32)[:, None, None]
    np.log(mixed, out=mixed)
    mixed *= np.float32(10 / np.log(10))
    return _relative_to_loudest(mixed, frames)


def mask(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Replace runs of frames and of bands by the clip's mean level; a run has at most a quarter of the frames.

    Source: D. Park et al., "SpecAugment", Interspeech 2019.
    """
    n_frames = bands.shape[1]
    is_audio = np.arange(n_frames) < frames[:, None]
    longest = np.minimum(strengths.time_mask_frames, frames // 4)
    masked_frames = np.zeros_like(is_audio)
    for _ in range(strengths.time_masks):
        masked_frames |= random_runs(n_frames, longest, frames, rng)
    masked_bands = np.zeros((len(bands), N_MELS), bool)
    for _ in range(strengths.band_masks):
        widest = np.full(len(bands), strengths.band_mask_bands)
        masked_bands |= random_runs(N_MELS, widest, np.full(len(bands), N_MELS), rng)
    mean = (bands.mean(axis=2) * is_audio).sum(axis=1) / frames
    masked = (masked_frames[:, :, None] | masked_bands[:, None, :]) & is_audio[:, :, None]
    return np.where(masked, mean.astype(np.float32)[:, None, None], bands)


def mixup_partners(n: int, rng: Rng, alpha: float) -> tuple[Array, Ints]:
    """Draw the mixup of `n` clips: each clip's own weight, `[n]`, at least 0.5, and the index of its partner, `[n]`.

    Source: H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """
    weight = rng.beta(alpha, alpha, n).astype(np.float32)
    return np.maximum(weight, 1 - weight), rng.permutation(n)


def blend(arrays: Sequence[Array], weight: Array, partner: Ints) -> list[Array]:
    """Mix each clip's spectrogram, targets, … (`[clips, …]` each) with its partner's, as drawn by `mixup_partners`."""
    mixed = []
    for array in arrays:
        own = weight.reshape(-1, *[1] * (array.ndim - 1))
        mixed.append(own * array + (1 - own) * array[partner])
    return mixed


def random_runs(n: int, longest: Ints, ends: Ints, rng: Rng) -> NDArray[np.bool_]:
    """Draw one run of cells for each clip, bool `[clips, n]`: at most `longest` cells, within the first `ends`."""
    length = rng.integers(0, longest + 1)
    start = rng.integers(0, ends - length + 1)[:, None]
    cell = np.arange(n)
    return (cell >= start) & (cell < start + length[:, None])


def _mix_some(bands: Array, clips: Ints, noise: Array, frames: Ints, snr_db: NDArray[np.float64]) -> Array:
    out = bands.copy()
    out[clips] = mix(bands[clips], noise, frames[clips], snr_db)
    return out


def _time_positions(frames: Ints, n_frames: int, rng: Rng, strengths: Strengths) -> tuple[Array, Ints]:
    """Draw each new frame's position in the old clip, `[clips, n_frames]`, and the new `frames`, `[clips]`."""
    old = frames[:, None]
    rate = 1 + strengths.stretch * rng.uniform(-1, 1, old.shape)
    new = np.clip(np.rint(old / rate), 1, n_frames).astype(np.int64)
    shift = rng.integers(-strengths.shift, strengths.shift + 1, old.shape)
    position = (np.arange(n_frames) - shift) % new * rate
    anchor = old * rng.uniform(0.25, 0.75, old.shape)
    move = np.minimum(strengths.time_warp, old / 8) * rng.uniform(-1, 1, old.shape)
    position = position + move * np.minimum(position / anchor, (old - position) / (old - anchor))
    return np.clip(position, 0, old - 1).astype(np.float32), new[:, 0]


def _band_positions(n: int, rng: Rng, strengths: Strengths) -> Array:
    """Draw each new band's position among the old bands, `[clips, 128]`: one factor per clip scales all Hz."""
    factor = 1 + strengths.frequency_warp * rng.uniform(-1, 1, (n, 1))
    centres = _band_centres()
    return np.interp(factor * centres, centres, np.arange(N_MELS)).astype(np.float32)


def _resample(values: Array, positions: Array) -> Array:
    """Interpolate linearly along axis 1 of `[clips, n, m]`, at the positions `[clips, new n]`."""
    low = positions.astype(np.int64)
    high = np.minimum(low + 1, values.shape[1] - 1)
    clip = np.arange(len(values))[:, None]
    result = values[clip, low]
    step = values[clip, high]
    step -= result
    step *= (positions - low)[:, :, None]
    result += step
    return result


def _relative_to_loudest(bands: Array, frames: Ints) -> Array:
    """Shift each clip so that its loudest cell is 0 dB, and set its padding to -80 dB. Works in place."""
    padding = np.arange(bands.shape[1]) >= frames[:, None]
    bands[padding] = FLOOR_DB
    loudest = bands.max(axis=(1, 2), keepdims=True)
    # a silent clip stays silent
    bands -= np.where(loudest > FLOOR_DB, loudest, 0)
    return np.maximum(bands, np.float32(FLOOR_DB), out=bands)


def _power(bands: Array) -> Array:
    return np.exp(bands * np.float32(np.log(10) / 10))


def _loudness(power: Array, frames: Ints) -> NDArray[np.float64]:
    """Mean power of each clip, `[clips]`, over the frames that hold audio, each band weighted by its width."""
    is_audio = np.arange(power.shape[1]) < frames[:, None]
    return ((power @ _band_widths()) * is_audio).sum(axis=1) / frames


@cache
def _band_centres() -> Array:
    """Centre of gravity of each mel filter, `[128]` in Hz."""
    hertz = np.linspace(0, front_end.SAMPLE_RATE / 2, front_end.N_FFT // 2 + 1, dtype=np.float32)
    filters = features.mel_filters()
    return hertz @ filters / filters.sum(axis=0)


@cache
def _band_widths() -> Array:
    """Relative width of each mel band, `[128]`: Slaney's filters have unit area, so it is one over the peak."""
    return (1 / features.mel_filters().max(axis=0)).astype(np.float32)
