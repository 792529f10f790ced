"""Augmentation: a clip as it might have been said or recorded otherwise. For the training iterator alone.

Each of the four waveform changes has a quick counterpart on spectrograms. Those come in batches
`[clips, frames, bands]`, in dB relative to the loudest cell, between -80 and 0; beyond a clip's own number of
frames they are padding and stay at -80.
"""

from collections.abc import Callable, Sequence
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

NOISE_OF_PEAK = 0.035
STRETCH_RATES = (0.8, 1.25)
SHIFT_SAMPLES = 5_000
PITCH_SEMITONES = 2.0
MOST_SUBTRACTED = 6.0
EQUALISER_WAVES = 4


@dataclass(frozen=True)
class Strengths:
    """How far the spectrogram augmentations go; each is drawn uniformly, for each clip anew.

    Attributes:
        crops: lengths in frames, of which each batch is cut to one; () for whole clips.
        stretch: the rate of speech lies between 1 - stretch and 1 + stretch.
        time_warp: a place within the clip moves by up to this many frames, its ends stay.
        shift: the clip is rolled around by up to this many frames; 20 are 5,000 samples.
        frequency_warp: frequencies are scaled by 1 - frequency_warp to 1 + frequency_warp.
        equaliser_db: deviation of a smooth curve over the bands that is added, a microphone's say.
        quieter_share: the share of the clips whose own noise is taken away, to some degree.
        noise_share: the share of the clips that synthetic noise is added to,
        snr_db: and the range of its signal-to-noise ratio.
        recorded_share: the share of the clips that recorded noise is added to, where there is any,
        recorded_snr_db: and the range of its signal-to-noise ratio.
        time_masks: how many runs of frames are blanked,
        time_mask_frames: and up to how many frames each.
        band_masks: how many runs of mel bands are blanked,
        band_mask_bands: and up to how many bands each.
        mixup: alpha of the Beta distribution from which two clips' shares are drawn; 0 mixes none.
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


def waveform(samples: Array, rng: Rng) -> Array:
    """Each of the four changes below with probability one half: float32 `[n]`, 16 kHz, in and out."""
    changes: tuple[Callable[[Array, Rng], Array], ...] = (noise_wave, stretch_wave, shift_wave, pitch_wave)
    for change in changes:
        if rng.random() < 0.5:
            samples = change(samples, rng)
    return samples.astype(np.float32, copy=False)


def noise_wave(samples: Array, rng: Rng) -> Array:
    """Add white noise of a standard deviation up to 0.035 of the peak."""
    deviation = NOISE_OF_PEAK * rng.random() * np.abs(samples).max()
    return samples + np.float32(deviation) * rng.standard_normal(len(samples), np.float32)


def stretch_wave(samples: Array, rng: Rng) -> Array:
    """Change the tempo, not the pitch, by a rate of 0.8 to 1.25 (librosa's phase vocoder)."""
    import librosa

    return librosa.effects.time_stretch(samples, rate=rng.uniform(*STRETCH_RATES))


def shift_wave(samples: Array, rng: Rng) -> Array:
    """Roll by up to 5,000 samples either way: what leaves at one end comes in at the other."""
    return np.roll(samples, rng.integers(-SHIFT_SAMPLES, SHIFT_SAMPLES + 1))


def pitch_wave(samples: Array, rng: Rng) -> Array:
    """Change the pitch, not the tempo, by up to 2 semitones either way (librosa)."""
    import librosa

    steps = rng.uniform(-PITCH_SEMITONES, PITCH_SEMITONES)
    return librosa.effects.pitch_shift(samples, sr=front_end.SAMPLE_RATE, n_steps=steps)


def spectrogram(
    bands: Array, frames: Ints, rng: Rng, strengths: Strengths, recorded: Array | None = None
) -> tuple[Array, Ints, Array]:
    """Crop, warp, quieten, equalise, add noise to, and mask a batch of spectrograms.

    Args:
        bands: float32 `[clips, frames, 128]` in dB.
        frames: `[clips]`, how many frames of each are audio.
        rng: source of all chance.
        strengths: how far to go.
        recorded: mel power of recorded noise, `[windows, 188, 128]`, as `ser_batch.audio.noise.Noise` has it.

    Returns:
        The changed batch; how many frames of each are audio now; and where in the old clips these frames lie.
    """
    start = np.zeros(len(bands), np.int64)
    if strengths.crops:
        bands, frames, start = crop(bands, frames, rng, rng.choice(strengths.crops))
    bands, frames, positions = warp(bands, frames, rng, strengths)
    bands = quieten(bands, frames, rng, strengths)
    bands = equalise(bands, frames, rng, strengths)
    bands = add_noise(bands, frames, rng, strengths)
    if recorded is not None:
        bands = add_recorded_noise(bands, frames, rng, strengths, recorded)
    return mask(bands, frames, rng, strengths), frames, positions + start[:, None]


def crop(bands: Array, frames: Ints, rng: Rng, length: int) -> tuple[Array, Ints, Ints]:
    """Cut a batch to `length` frames, from a random place within each clip's audio, `[clips]`, the last output."""
    start = rng.integers(0, np.maximum(frames - length, 0) + 1)
    rows = start[:, None] + np.arange(length)
    frames = np.minimum(frames, length)
    return _relative_to_loudest(bands[np.arange(len(bands))[:, None], rows], frames), frames, start


def warp(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> tuple[Array, Ints, Array]:
    """Stretch, bend and roll the time axis, and scale the frequency axis; in and out as for `spectrogram`.

    Source of the latter: N. Jaitly and G. Hinton, "Vocal Tract Length Perturbation (VTLP)", 2013.
    """
    in_time, frames = _time_positions(frames, bands.shape[1], rng, strengths)
    bands = _resample(bands, in_time)
    bands = _resample(bands.swapaxes(1, 2), _band_positions(len(bands), rng, strengths)).swapaxes(1, 2)
    return _relative_to_loudest(bands, frames), frames, in_time


def equalise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Add four cosines over the bands of random size; arguments as for `spectrogram`."""
    if not strengths.equaliser_db:
        return bands
    wave = np.arange(1, EQUALISER_WAVES + 1)[:, None]
    cosines = np.cos(np.pi * wave * np.arange(N_MELS) / (N_MELS - 1)) / np.sqrt(wave)
    sizes = rng.normal(0, strengths.equaliser_db, (len(bands), EQUALISER_WAVES))
    return _relative_to_loudest(bands + (sizes @ cosines).astype(np.float32)[:, None], frames)


def quieten(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Take some clips into a quieter room: subtract their noise in power; arguments as for `spectrogram`.

    How far the noise lies below the voice tells how loud the voice was, in a corpus of one room and one gain, and
    nothing anywhere else. The noise of a band is its tenth percentile; up to six times its power is taken away.
    Source of the subtraction: S. Boll, "Suppression of Acoustic Noise in Speech", IEEE Trans. ASSP 27(2), 1979.
    """
    chosen = np.flatnonzero(rng.random(len(bands)) < strengths.quieter_share)
    out = bands.copy()
    for clip in chosen:
        heard = bands[clip, : frames[clip]]
        noise = np.percentile(heard, 10, axis=0)
        power = _power(heard) - rng.uniform(0, MOST_SUBTRACTED) * _power(noise)
        out[clip, : frames[clip]] = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return _relative_to_loudest(out, frames)


def add_noise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Add noise, from white to brown, in power to some of the clips; arguments as for `spectrogram`."""
    noisy = np.flatnonzero(rng.random(len(bands)) < strengths.noise_share)
    if not len(noisy):
        return bands
    bank = white().power[:, : bands.shape[1]]
    noise = bank[rng.integers(len(bank), size=len(noisy))]
    # power falls with the frequency to the power of 0 (white), 1 (pink), 2 (brown), or anything between
    slope = rng.uniform(0, 2, len(noisy)).astype(np.float32)
    noise = noise * np.exp(-slope[:, None, None] * np.log(_band_centres() / _band_centres()[0]))
    out = bands.copy()
    out[noisy] = mix(bands[noisy], noise, frames[noisy], rng.uniform(*strengths.snr_db, len(noisy)))
    return out


def add_recorded_noise(bands: Array, frames: Ints, rng: Rng, strengths: Strengths, recorded: Array) -> Array:
    """Add a piece of recorded noise in power to some of the clips; arguments as for `spectrogram`."""
    noisy = np.flatnonzero(rng.random(len(bands)) < strengths.recorded_share)
    window = rng.integers(len(recorded), size=len(noisy))
    start = rng.integers(recorded.shape[1] - bands.shape[1] + 1, size=len(noisy))
    noise = recorded[window[:, None], start[:, None] + np.arange(bands.shape[1])]
    out = bands.copy()
    out[noisy] = mix(bands[noisy], noise, frames[noisy], rng.uniform(*strengths.recorded_snr_db, len(noisy)))
    return out


def mix(bands: Array, noise: Array, frames: Ints, snr_db: float | NDArray[np.float64]) -> Array:
    """Add noise to speech in power, at a signal-to-noise ratio of their mean powers over the clips' true frames.

    What `ser_batch.audio.noise.mix` does to audio, but for the phases (a cell where speech and noise are alike in level
    may lie some dB beside), and for what lies below the lowest band, such as wind: it does not count.

    Args:
        bands: float32 `[clips, frames, 128]` in dB.
        noise: mel power, of the same shape and any scale. Where it is silent, nothing is added.
        frames: `[clips]`, how many frames of each are audio.
        snr_db: one for all, or `[clips]`.

    Returns:
        Float32 like `bands`, relative to each clip's loudest cell.
    """
    mixed = _power(bands)
    loud = _loudness(noise, frames)
    gain = np.where(loud > 0, _loudness(mixed, frames) / np.maximum(loud, 1e-30) / 10 ** (snr_db / 10), 0)
    mixed += noise * gain.astype(np.float32)[:, None, None]
    np.log(mixed, out=mixed)
    mixed *= np.float32(10 / np.log(10))
    return _relative_to_loudest(mixed, frames)


def mask(bands: Array, frames: Ints, rng: Rng, strengths: Strengths) -> Array:
    """Blank runs of frames and of bands with the clip's mean level; arguments as for `spectrogram`.

    Source: D. Park et al., "SpecAugment", Interspeech 2019. No run of frames exceeds a quarter of its clip.
    """
    n_frames = bands.shape[1]
    heard = np.arange(n_frames) < frames[:, None]
    longest = np.minimum(strengths.time_mask_frames, frames // 4)
    hidden_frames = np.zeros_like(heard)
    for _ in range(strengths.time_masks):
        hidden_frames |= runs(n_frames, longest, frames, rng)
    hidden_bands = np.zeros((len(bands), N_MELS), bool)
    for _ in range(strengths.band_masks):
        widest = np.full(len(bands), strengths.band_mask_bands)
        hidden_bands |= runs(N_MELS, widest, np.full(len(bands), N_MELS), rng)
    of_band = bands.mean(axis=2)
    mean = (of_band * heard).sum(axis=1) / frames
    hidden = (hidden_frames[:, :, None] | hidden_bands[:, None, :]) & heard[:, :, None]
    return np.where(hidden, mean.astype(np.float32)[:, None, None], bands)


def mixup(arrays: Sequence[Array], rng: Rng, alpha: float) -> list[Array]:
    """Blend each clip with another of the batch, and whatever belongs to the clips likewise.

    Source: H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Args:
        arrays: float32 `[clips, …]` each: spectrograms in dB, targets.
        rng: source of all chance.
        alpha: of Beta(alpha, alpha), from which a clip's share in the blend is drawn.
    """
    return blend(arrays, *partners(len(arrays[0]), rng, alpha))


def partners(n: int, rng: Rng, alpha: float) -> tuple[Array, Ints]:
    """For `mixup`: each clip's own share in its blend, `[n]`, at least a half; and which clip has the rest, `[n]`."""
    share = rng.beta(alpha, alpha, n).astype(np.float32)
    return np.maximum(share, 1 - share), rng.permutation(n)


def blend(arrays: Sequence[Array], share: Array, other: Ints) -> list[Array]:
    """Blend what belongs to each clip, `[clips, …]` each, with what belongs to its partner."""
    mixed = []
    for array in arrays:
        weight = share.reshape(-1, *[1] * (array.ndim - 1))
        mixed.append(weight * array + (1 - weight) * array[other])
    return mixed


def _time_positions(frames: Ints, n_frames: int, rng: Rng, strengths: Strengths) -> tuple[Array, Ints]:
    """Draw where each new frame lies in the old clip, `[clips, n_frames]`, and how many are audio, `[clips]`."""
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
    """Draw where each new band lies among the old ones, `[clips, 128]`: one factor a clip scales all Hz."""
    factor = 1 + strengths.frequency_warp * rng.uniform(-1, 1, (n, 1))
    centres = _band_centres()
    return np.interp(factor * centres, centres, np.arange(N_MELS)).astype(np.float32)


def _resample(values: Array, positions: Array) -> Array:
    """Interpolate linearly along axis 1 of `[clips, n, m]`, at the positions `[clips, new n]`."""
    low = positions.astype(np.int64)
    high = np.minimum(low + 1, values.shape[1] - 1)
    weight = (positions - low)[:, :, None]
    clip = np.arange(len(values))[:, None]
    between = values[clip, low]
    step = values[clip, high]
    step -= between
    step *= weight
    between += step
    return between


def runs(n: int, longest: Ints, ends: Ints, rng: Rng) -> NDArray[np.bool_]:
    """One run of cells a clip, `[clips, n]`, no longer than `longest` and within the first `ends`."""
    length = rng.integers(0, longest + 1)
    start = rng.integers(0, ends - length + 1)[:, None]
    place = np.arange(n)
    return (place >= start) & (place < start + length[:, None])


def _relative_to_loudest(bands: Array, frames: Ints) -> Array:
    """Shift each clip so that its loudest cell is 0 dB, and silence it from `frames` on. Works in place."""
    padding = np.arange(bands.shape[1]) >= frames[:, None]
    bands[padding] = FLOOR_DB
    loudest = bands.max(axis=(1, 2), keepdims=True)
    # a clip of silence stays silence
    bands -= np.where(loudest > FLOOR_DB, loudest, 0)
    return np.maximum(bands, np.float32(FLOOR_DB), out=bands)


def _power(bands: Array) -> Array:
    return np.exp(bands * np.float32(np.log(10) / 10))


def _loudness(power: Array, frames: Ints) -> NDArray[np.float64]:
    """Mean power of each clip over its true frames, `[clips]`: the bands count by their width."""
    heard = np.arange(power.shape[1]) < frames[:, None]
    return ((power @ _band_widths()) * heard).sum(axis=1) / frames


@cache
def _band_centres() -> Array:
    """Frequency of each mel band in Hz: its filter's centre of gravity."""
    hertz = np.linspace(0, front_end.SAMPLE_RATE / 2, front_end.N_FFT // 2 + 1, dtype=np.float32)
    filters = features.mel_filters()
    return hertz @ filters / filters.sum(axis=0)


@cache
def _band_widths() -> Array:
    """Width of each mel band, up to a factor: Slaney's filters have unit area, so one over their peak."""
    return (1 / features.mel_filters().max(axis=0)).astype(np.float32)
