import numpy as np
import pytest

from ser_batch.audio import augment_room as room
from ser_batch.audio.windows import load

SAME_LENGTH = [
    *(room.raise_floor, room.gate, room.subtract_noise, room.expand, room.silence_pauses, room.equalise),
    *(room.reverberate, room.telephone, room.encode_mp3, room.encode_opus, room.clip_peaks),
]


@pytest.fixture(scope="module")
def speech(samples):
    """Two seconds of speech with half a second of pause at each end, on a floor of -50 dB."""
    clip = load(str(samples / "meeting" / "introduction.flac"), 2.0)
    padded = np.pad(clip, 8_000)
    return (padded + np.random.default_rng(0).normal(0, 1e-3 * np.abs(clip).max(), len(padded))).astype("f")


def level(samples):
    return 10 * np.log10(np.mean(np.square(samples.astype(float))) + 1e-20)


def gap(samples):
    """From the pauses to the speech, in dB."""
    return level(samples[8_000:-8_000]) - level(
        np.concatenate([samples[1_000:7_000], samples[-7_000:-1_000]])
    )


@pytest.mark.parametrize("change", SAME_LENGTH, ids=lambda change: change.__name__)
def test_a_change_keeps_length_and_type_and_follows_the_seed(speech, change):
    first, again, other = (change(speech, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.dtype, first.shape) == (np.float32, speech.shape)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert np.isfinite(first).all()


def test_floors_go_up_and_down(speech):
    before = gap(speech)
    for seed in range(4):
        assert gap(room.raise_floor(speech, np.random.default_rng(seed))) < before + 0.1
        for change in (room.gate, room.subtract_noise, room.expand, room.silence_pauses):
            assert gap(change(speech, np.random.default_rng(seed))) > before + 1
    assert (room.silence_pauses(speech, np.random.default_rng(0))[:4_000] == 0).all()


def test_the_floor_is_70_to_10_decibels_below_the_clip(speech):
    noise = np.random.default_rng(5).normal(size=16_000).astype("f")
    for seed in range(12):
        added = room.raise_floor(speech, np.random.default_rng(seed), [noise]) - speech
        assert -71 < level(added) - level(speech) < -9


def test_the_telephone_has_its_band(speech):
    power = np.square(np.abs(np.fft.rfft(room.telephone(speech, np.random.default_rng(0)))))
    hertz = np.fft.rfftfreq(len(speech), 1 / 16_000)
    inside = power[(hertz > 400) & (hertz < 2_800)].sum()
    assert power[hertz > 5_000].sum() < inside / 100
    assert power[hertz < 100].sum() < inside / 100


def test_speed_and_padding_change_the_length(speech):
    lengths = [len(room.change_speed(speech, np.random.default_rng(seed))) / len(speech) for seed in range(9)]
    assert 0.9 < min(lengths) < 1 < max(lengths) < 1.12
    padded = room.pad(speech, np.random.default_rng(0))
    assert len(speech) < len(padded) <= len(speech) + 16_000


def test_a_chain_follows_the_seed_and_never_gives_silence(speech):
    first, again = (room.other_room(speech, np.random.default_rng([3, 1])) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rooms = [room.other_room(speech, np.random.default_rng([seed])) for seed in range(20)]
    assert len({clip.tobytes() for clip in rooms}) > 15
    assert min(np.abs(clip).max() for clip in rooms) > 1e-4
    silence = np.zeros(16_000, np.float32)
    assert (room.other_room(silence, np.random.default_rng(0)) == 0).all()
