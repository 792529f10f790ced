"""`FilePart` against the same bytes in memory."""

import io
import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from ser_batch.audio.decoding.file_parts import FilePart

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 70)),
        st.tuples(
            st.just("seek"), st.integers(-80, 120), st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])
        ),
    )
)


@given(st.binary(max_size=30), st.binary(max_size=60), st.integers(0, 70), STEPS)
def test_it_reads_the_same_bytes(head, data, start, steps):
    whole = io.BytesIO(head + data[start:])
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        part = FilePart(head, file.fileno(), start)
        for step, *arguments in steps:
            if step == "read":
                expected = whole.read(*arguments)
                found = b""
                while len(found) < len(
                    expected
                ):  # a raw file may give less than was asked for, but not nothing
                    piece = part.read(len(expected) - len(found))
                    assert piece
                    found += piece
                assert found == expected
                continue
            before = whole.tell()
            target = arguments[0] + (0, before, len(whole.getvalue()))[arguments[1]]
            if target < 0:
                assert part.seek(*arguments) == -1
            else:
                assert part.seek(*arguments) == whole.seek(min(target, len(whole.getvalue())))
            assert part.tell() == whole.tell()


def test_a_seek_beyond_the_end_stops_at_the_end():
    with tempfile.TemporaryFile() as file:
        file.write(b"abc")
        file.flush()
        part = FilePart(b"", file.fileno(), 0)
        assert part.seek(2**64) == 3
        assert part.read(1) == b""
