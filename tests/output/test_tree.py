"""Output trees: one file for each input; files without an input are deleted."""

import errno
import hashlib
import os
import re

import pytest

from ser_batch.output.schema import Emotion, FileRow, SegmentRow
from ser_batch.output.tree import WRITTEN, Folder, Tree, allowed, mirrored

HEARD = Emotion("sad", 1.0, (1.0,), 1.0)


def tree(folder, *names):
    """Write a tree that says in each file whose it is; returns what is in it then, by path."""
    written = Tree(folder, ".txt", lambda file, segments: [file.file])
    for name in names:
        written.write(FileRow(name, 1.0, 1, HEARD), [SegmentRow(name, 0.0, 1.0, HEARD)])
    written.close()
    return files(folder)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != WRITTEN
    }


def test_names_mirror_the_inputs(tmp_path):
    assert tree(tmp_path / "t", "a.wav", "a.flac", "b/a.wav", "/abs/a.wav") == {
        "a.wav.txt": b"a.wav",
        "a.flac.txt": b"a.flac",
        "b/a.wav.txt": b"b/a.wav",
        "abs/a.wav.txt": b"/abs/a.wav",
    }


@pytest.mark.parametrize(
    "name", ["../../a.wav", "/../a.wav", "//a.wav", "a/../../b.wav", "..", "", "/", "./a"]
)
def test_nothing_is_written_outside(tmp_path, name):
    assert not mirrored(name).startswith(("/", ".."))
    assert list(tree(tmp_path / "t", name).values()) == [name.encode()]
    assert os.listdir(tmp_path) == ["t"]


NAMES = [
    "a.wav",
    "a.wav.txt/b.wav",  # a folder that is called as the file of a.wav is
    "a.wav.txt",
    "c.wav.txt/d.wav",
    "c.wav",  # the other way round
    "s3://bucket/x//y.wav",
    "s3://bucket/x/y.wav",
    "s3://bucket/x/../x/y.wav",
    "x" * 250 + ".wav",
    "x" * 250 + ".flac",
    "é" * 120 + ".wav",
    "/".join(["deep" * 50] * 20) + "/a.wav",
    "new\nline/and\ttab\r.wav",
    '"quotes" & <marks>.wav',
    "caf\udce9.wav",  # Latin-1
    "caf\\udce9.wav",  # what that is written as
    "\udc80/\udcff",
]


def test_every_input_has_a_file_of_its_own(tmp_path):
    written = Tree(
        tmp_path / "t", ".txt", lambda file, segments: [hashlib.sha256(repr(file.file).encode()).hexdigest()]
    )
    for name in NAMES:
        written.write(FileRow(name, 1.0, 1, HEARD), [])
    written.close()
    digests = {hashlib.sha256(repr(name).encode()).hexdigest().encode() for name in NAMES}
    assert set(files(tmp_path / "t").values()) == digests
    assert len(files(tmp_path / "t")) == len(NAMES)
    for name in files(tmp_path / "t"):
        name.encode("utf-8")


def test_a_name_that_cannot_be_had_is_known_by_a_hash(tmp_path):
    name = "speaker 1/" + "x" * 255
    [shortened] = tree(tmp_path / "t", name)
    assert re.fullmatch(r"x{80}~[0-9a-f]{16}\.txt", shortened)
    assert hashlib.sha256(name.encode()).hexdigest().startswith(shortened[81:97])


def test_what_is_no_input_s_any_more_is_deleted_and_nothing_else(tmp_path):
    folder = tmp_path / "t"
    tree(folder, "old/deep/a.wav", "kept.wav", "edited.wav", "old/b.wav")
    (folder / "old" / "mine.txt").write_text("somebody's notes")
    (folder / "edited.wav.txt").write_text("corrected by hand")
    assert tree(folder, "kept.wav", "new.wav") == {
        "kept.wav.txt": b"kept.wav",
        "new.wav.txt": b"new.wav",
        "old/mine.txt": b"somebody's notes",
        "edited.wav.txt": b"corrected by hand",
    }
    assert not (folder / "old" / "deep").exists()
    assert folder.is_dir() and tree(folder, "kept.wav").keys() == {
        "kept.wav.txt",
        "old/mine.txt",
        "edited.wav.txt",
    }


def test_a_file_with_the_same_content_stays_as_it_is(tmp_path):
    folder = tmp_path / "t"
    names = [f"{k}/a.wav" for k in range(3)]
    tree(folder, *names)
    before = {path: path.stat() for path in folder.rglob("*.txt")}
    (folder / "1" / "a.wav.txt").write_text("changed by hand")
    assert tree(folder, *names, "new.wav") == {f"{name}.txt": name.encode() for name in [*names, "new.wav"]}
    for path, status in before.items():
        same = os.path.samestat(path.stat(), status) and path.stat().st_mtime_ns == status.st_mtime_ns
        assert same == ("/1/" not in path.as_posix())
        assert path.stat().st_nlink == 1


def test_the_same_names_again_do_not_take_each_other_s_files(tmp_path):
    names = [name for name in NAMES if name.isprintable()]
    first = tree(tmp_path / "t", *names)
    assert tree(tmp_path / "t", *names) == first
    assert set(first.values()) == {name.encode() for name in names}


def test_a_file_system_without_hard_links_is_written_anew(tmp_path, monkeypatch):
    before = tree(tmp_path / "t", "a.wav")

    def link(*arguments, **options):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    assert tree(tmp_path / "t", "a.wav") == before


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("a/b c.wav.TextGrid", True),
        ("é/ü.txt", True),
        ("console/nullable.txt", True),
        ("s3:/bucket/a.txt", False),
        ("a?.txt", False),
        ("CON.wav.txt", False),
        ("x/lpt1/a.txt", False),
        ("a./b.txt", False),
        ("a\\b.txt", False),
    ],
)
def test_names_that_windows_forbids(name, fine):
    assert allowed(name, windows=True) == fine
    assert allowed(name, windows=False)


def test_no_inputs_leave_an_empty_folder(tmp_path):
    tree(tmp_path / "t", "a/b.wav")
    assert tree(tmp_path / "t") == {}
    assert os.listdir(tmp_path / "t") == [WRITTEN]


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    killed = Folder(tmp_path / "t")
    (killed.partial / "half.txt").write_text("ha")
    assert tree(tmp_path / "t", "a.wav") == {"a.wav.txt": b"a.wav"}
    assert os.listdir(tmp_path) == ["t"]


def test_until_it_is_closed_the_earlier_tree_stands(tmp_path):
    before = tree(tmp_path / "t", "a.wav")
    written = Tree(tmp_path / "t", ".txt", lambda file, segments: ["new"])
    written.write(FileRow("a.wav", 1.0, 1, HEARD), [])
    assert files(tmp_path / "t") == before
    written.close()
    assert files(tmp_path / "t") == {"a.wav.txt": b"new"}
