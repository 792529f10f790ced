import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.audio import arrays
from ser_batch.audio.decoding import decode
from ser_batch.errors import SerBatchError

SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}


def joined(sample_rate, blocks):
    blocks = list(blocks)
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    return sample_rate, np.concatenate(blocks)


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(list(SUBTYPES)),
    n=st.integers(20, 90_000),
    channels=st.integers(1, 9),
    seed=st.integers(0, 2**32),
    first=st.booleans(),
)
def test_an_array_gives_the_same_as_a_file_of_it(tmp_path_factory, dtype, n, channels, seed, first):
    rng = np.random.default_rng(seed)
    if dtype.startswith("int"):
        limits = np.iinfo(dtype)
        frames = rng.integers(limits.min, limits.max, (n, channels), dtype, endpoint=True)
    else:
        frames = rng.normal(size=(n, channels)).astype(dtype)
    path = tmp_path_factory.mktemp("array") / "a.wav"
    soundfile.write(path, frames, 8_000, SUBTYPES[dtype])
    rate, found = joined(*arrays.blocks(frames.T if first else frames, 8_000))
    expected_rate, expected = joined(*decode.blocks(str(path)))
    assert rate == expected_rate
    np.testing.assert_array_equal(found, expected)


def test_other_types():
    def mono(array):
        return joined(*arrays.blocks(array, 8_000))[1].tolist()

    assert mono([0.5, -1.0]) == [0.5, -1.0]
    assert mono(np.array([0, 128, 255], np.uint8)) == [-1.0, 0.0, 127 / 128]
    assert mono(np.array([-128, 64], np.int8)) == [-1.0, 0.5]
    assert mono(np.array([0.25], np.float16)) == [0.25]
    assert mono(np.array([[1, 3, 5], [3, 5, 7]], float) / 8) == [0.25, 0.5, 0.75]
    backwards = np.arange(6.0, dtype=">f4")[::-2] / 8
    assert mono(backwards) == [0.625, 0.375, 0.125]


@pytest.mark.parametrize(
    ("array", "rate", "message"),
    [
        ([], 8_000, r"shape \(0,\)"),
        (np.zeros((2, 3, 4)), 8_000, r"shape \(2, 3, 4\)"),
        (0.5, 8_000, r"shape \(\)"),
        ([1, 2], 8_000, "type int64"),
        ([True, False], 8_000, "type bool"),
        (["a"], 8_000, "type <U1"),
        ([1j], 8_000, "type complex128"),
        ([0.1], 0, "sample rate 0: not"),
        ([0.1], 8_000.5, "sample rate 8000.5: not"),
        ([1e300], 8_000, "not finite"),
        ([np.inf], 8_000, "not finite"),
    ],
)
def test_other_arrays_are_refused(array, rate, message):
    with pytest.raises(SerBatchError, match=message):
        joined(*arrays.blocks(array, rate))
