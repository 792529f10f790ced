"""Files that begin otherwise than on disk, against the same bytes in memory."""

import io
import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from ser_batch.audio.decoding.spliced import Spliced

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 70)),
        st.tuples(
            st.just("seek"), st.integers(-80, 120), st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])
        ),
    )
)


@given(st.binary(max_size=30), st.binary(max_size=60), st.integers(0, 70), STEPS)
def test_it_reads_as_the_whole_would(head, data, start, steps):
    whole = io.BytesIO(head + data[start:])
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        spliced = Spliced(head, file.fileno(), start)
        for step, *arguments in steps:
            if step == "read":
                expected = whole.read(*arguments)
                found = b""
                while len(found) < len(
                    expected
                ):  # a raw file may give less than was asked for, but not nothing
                    part = spliced.read(len(expected) - len(found))
                    assert part
                    found += part
                assert found == expected
                continue
            before = whole.tell()
            target = arguments[0] + (0, before, len(whole.getvalue()))[arguments[1]]
            if target < 0:
                assert spliced.seek(*arguments) == -1
            else:
                assert spliced.seek(*arguments) == whole.seek(min(target, len(whole.getvalue())))
            assert spliced.tell() == whole.tell()


def test_places_beyond_all_files_are_its_end():
    with tempfile.TemporaryFile() as file:
        file.write(b"abc")
        file.flush()
        spliced = Spliced(b"", file.fileno(), 0)
        assert spliced.seek(2**64) == 3
        assert spliced.read(1) == b""
