"""Search for files: each file once, in order; no path stops it."""

import inspect
import os
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_batch.inputs.find import find
from ser_batch.inputs.passed_over import count_suffix, summary_line
from ser_batch.inputs.paths import relative
from ser_batch.inputs.sources import Source, Unreadable
from ser_batch.inputs.suffixes import AUDIO_SUFFIXES, EXTRA_SUFFIXES


def plant(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")


def keys(root: Path, *paths: Path, **globs: tuple[str, ...]) -> list[str]:
    found = list(find(paths or [root], **globs))
    assert all(isinstance(item, Source) for item in found), found
    return [relative(item.path, str(root)) for item in found]


def test_a_directory_is_walked_recursively_in_the_order_of_whole_paths(tmp_path: Path) -> None:
    plant(tmp_path, "b.wav", "a/z.wav", "a/b/c.flac", "a.wav", "a b/x.ogg", "a-b.mp3", "B.wav")
    assert keys(tmp_path) == ["B.wav", "a b/x.ogg", "a-b.mp3", "a.wav", "a/b/c.flac", "a/z.wav", "b.wav"]


def test_the_case_of_a_suffix_is_ignored_and_other_files_are_left_alone(tmp_path: Path) -> None:
    plant(tmp_path, "a.WAV", "b.Flac", "c.txt", "d", ".wav", "wav", "e.wav.part", "f.m4a")
    assert keys(tmp_path) == ["a.WAV", "b.Flac", "f.m4a"]


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES | EXTRA_SUFFIXES))
def test_every_known_suffix_is_found(tmp_path: Path, suffix: str) -> None:
    plant(tmp_path, f"a{suffix}", f"b{suffix.upper()}")
    assert keys(tmp_path) == [f"a{suffix}", f"b{suffix.upper()}"]


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    plant(tmp_path, "notes.txt", "recording")
    assert keys(tmp_path, tmp_path / "notes.txt", tmp_path / "recording") == ["notes.txt", "recording"]


def test_size_and_mtime_are_those_of_the_file_even_when_it_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    os.utime(path, ns=(1, 1_234_567_891_000_000_001))
    plant(tmp_path, "full.wav")
    empty, full = find([tmp_path])
    assert empty == Source(str(path), 0, path.stat().st_mtime_ns)
    assert isinstance(full, Source)
    assert full.size == 4


def test_an_empty_directory_yields_nothing(tmp_path: Path) -> None:
    assert list(find([tmp_path])) == []


def test_paths_are_consumed_lazily(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav")

    def paths():
        yield tmp_path
        raise AssertionError("the second path was asked for too early")

    found = find(paths())
    assert next(found).path == str(tmp_path / "a.wav")


def test_a_file_reached_by_two_arguments_comes_once(tmp_path: Path) -> None:
    plant(tmp_path, "sub/a.wav", "sub/b.wav")
    sub, a = tmp_path / "sub", tmp_path / "sub" / "a.wav"
    assert keys(tmp_path, tmp_path, sub) == ["sub/a.wav", "sub/b.wav"]
    assert keys(tmp_path, sub, tmp_path) == ["sub/a.wav", "sub/b.wav"]
    assert keys(tmp_path, a, tmp_path) == ["sub/a.wav", "sub/b.wav"]
    assert keys(tmp_path, tmp_path, a) == ["sub/a.wav", "sub/b.wav"]
    assert keys(tmp_path, a, a, sub / ".." / "sub" / "a.wav") == ["sub/a.wav"]


def test_a_link_to_a_file_that_is_met_anyway_is_not_a_second_file(tmp_path: Path) -> None:
    plant(tmp_path, "m/real.wav", "outside.txt")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "before.wav").symlink_to(tmp_path / "m" / "real.wav")
    (tmp_path / "z.wav").symlink_to(tmp_path / "m" / "real.wav")
    assert keys(tmp_path) == ["a/before.wav"]
    assert keys(tmp_path, tmp_path / "m", tmp_path) == ["m/real.wav"]
    assert keys(tmp_path, tmp_path / "z.wav", tmp_path / "m" / "real.wav") == ["z.wav"]


def test_a_link_to_a_file_that_the_walk_leaves_out_is_a_file(tmp_path: Path) -> None:
    plant(tmp_path, "store/key", "store/raw.wav")
    (tmp_path / "a.wav").symlink_to(tmp_path / "store" / "key")
    (tmp_path / "z.wav").symlink_to(tmp_path / "store" / "raw.wav")
    assert keys(tmp_path) == ["a.wav", "store/raw.wav"]
    assert keys(tmp_path, tmp_path / "store", tmp_path / "a.wav") == ["store/raw.wav", "a.wav"]
    assert keys(tmp_path, exclude=("store/*",)) == ["a.wav", "z.wav"]
    assert keys(tmp_path, tmp_path / "store", tmp_path / "z.wav", exclude=("raw*",)) == ["z.wav"]


def test_hard_links_are_two_files(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav")
    os.link(tmp_path / "a.wav", tmp_path / "b.wav")
    assert keys(tmp_path) == ["a.wav", "b.wav"]


def test_other_files_of_directories_are_counted_by_suffix(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "a.wav",
        "b.XYZ",
        "sub/c.xyz",
        "sub/README",
        "notes.txt",
        ".hidden.txt",
        "sub/d.2026-01-01 12 h",
    )
    counts: Counter[str] = Counter()
    list(find([tmp_path, tmp_path / "notes.txt"], passed_over=counts))
    assert counts == {".xyz": 2, "no suffix": 1, ".txt": 1, "other suffixes": 1}
    assert summary_line(counts).startswith("5 files passed over: .xyz (2), ")
    counts.clear()
    list(find([tmp_path], include=["*.wav", "*.xyz"], exclude=["sub"], passed_over=counts))
    assert summary_line(counts) == ""  # .XYZ is no .xyz for a glob
    list(find([tmp_path], include=["*.txt"], passed_over=counts))
    assert summary_line(counts) == "1 file passed over: .txt (1)"


def test_the_counts_stay_small_whatever_the_suffixes() -> None:
    counts: Counter[str] = Counter()
    for number in range(5_000):
        count_suffix(counts, f"recording.{number}")
    assert counts["other suffixes"] == 4_000
    assert len(counts) == 1_001
    assert len(summary_line(counts)) < 200


def test_apple_double_files_are_passed_over_by_their_content(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav", "._b.wav", "__MACOSX/c.wav", "x/__MACOSX/._d.wav", "._e.wav", "._notes.txt")
    (tmp_path / "._e.wav").write_bytes(bytes.fromhex("0005160700020000") + b"Mac OS X")
    os.mkfifo(tmp_path / "._pipe.wav")
    counts: Counter[str] = Counter()
    found = list(find([tmp_path], passed_over=counts))
    assert [os.path.basename(item.path) for item in found] == ["._b.wav", "._pipe.wav", "a.wav"]
    assert summary_line(counts) == "3 files passed over: ._* of macOS (3)"
    counts.clear()
    named = list(find([tmp_path / "._e.wav", tmp_path / "._b.wav"], passed_over=counts))
    assert [os.path.basename(item.path) for item in named] == ["._b.wav"]
    assert counts.total() == 1


def test_links_to_directories_are_followed_and_loops_end(tmp_path: Path) -> None:
    plant(tmp_path, "corpus/a.wav", "elsewhere/b.wav")
    corpus = tmp_path / "corpus"
    (corpus / "loop").symlink_to(corpus)
    (corpus / "up").symlink_to("..")
    (corpus / "twin").symlink_to(tmp_path / "elsewhere")
    (corpus / "twin2").symlink_to(tmp_path / "elsewhere")
    assert keys(tmp_path, corpus) == ["corpus/a.wav", "corpus/twin/b.wav"]
    b = tmp_path / "elsewhere" / "b.wav"
    assert keys(tmp_path, b, corpus) == ["elsewhere/b.wav", "corpus/a.wav"]


def test_the_journal_and_git_are_not_entered(tmp_path: Path) -> None:
    plant(tmp_path, ".journal/a.wav", "x/.journal/a.wav", ".git/annex/a.wav", ".hidden/a.wav")
    assert keys(tmp_path) == [".hidden/a.wav"]


def test_globs_match_the_basename_and_the_path_relative_to_the_argument(tmp_path: Path) -> None:
    plant(tmp_path, "train/a.wav", "train/b.flac", "test/a.wav", "test/deep/c.wav", "top.wav")
    assert keys(tmp_path, include=("*.flac",)) == ["train/b.flac"]
    assert keys(tmp_path, include=("a.*", "top*")) == ["test/a.wav", "top.wav", "train/a.wav"]
    assert keys(tmp_path, include=("test/*",)) == ["test/a.wav", "test/deep/c.wav"]
    assert keys(tmp_path, include=("test/*",), exclude=("*/deep/*",)) == ["test/a.wav"]
    assert keys(tmp_path, exclude=("test",)) == ["top.wav", "train/a.wav", "train/b.flac"]
    assert keys(tmp_path, tmp_path / "test", include=("test/*",)) == []
    assert keys(tmp_path, tmp_path / "top.wav", exclude=("top*",)) == []


def test_what_does_not_exist_is_reported_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    plant(tmp_path, "a.wav")
    gone = str(tmp_path / "gone.wav")
    missing, found = find([gone, gone, tmp_path / "a.wav"])
    assert missing == Unreadable(gone, "FileNotFoundError", "no such file or directory")
    assert isinstance(found, Source)


@pytest.mark.parametrize("path", ["", "nul\0.wav", "lone\ud800.wav", "x" * 300, "a.wav/"])
def test_impossible_paths_are_reported(tmp_path: Path, path: str) -> None:
    plant(tmp_path, "a.wav")
    (found,) = find([path and f"{tmp_path}/{path}"])
    assert isinstance(found, Unreadable)
    assert found.error
    assert found.message


def test_dangling_links_and_loops_are_reported_if_they_look_like_audio(tmp_path: Path) -> None:
    (tmp_path / "dangling.wav").symlink_to("gone.wav")
    (tmp_path / "self.wav").symlink_to("self.wav")
    (tmp_path / "README").symlink_to("gone")
    dangling, loop = find([tmp_path, tmp_path / "dangling.wav"])
    assert dangling == Unreadable(
        str(tmp_path / "dangling.wav"), "FileNotFoundError", "a link to something that does not exist"
    )
    assert isinstance(loop, Unreadable)
    assert loop.path == str(tmp_path / "self.wav")
    assert loop.error == "OSError"


def test_pipes_and_sockets_are_reported_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "linked.wav").symlink_to("pipe.wav")
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.chdir(tmp_path)  # the path of a socket is at most 108 bytes long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.wav")
    names = ["linked.wav", "pipe.wav", "socket.wav"]
    for paths in ([tmp_path], [tmp_path / name for name in names], [tmp_path, tmp_path / "pipe.wav"]):
        found = list(find(paths))
        assert [(item.path, item.error) for item in found] == [
            (f"{tmp_path}/{name}", "NotAFile") for name in names
        ]
    (device,) = find(["/dev/null"])
    assert isinstance(device, Unreadable)


def test_a_directory_that_cannot_be_listed_is_reported_and_its_neighbours_are_found(tmp_path: Path) -> None:
    """Below 4,096 characters of path nothing can be listed, even by root."""
    plant(tmp_path, "a.wav", "z.wav")
    name = "d" * 250
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(name, dir_fd=folder)
        inner = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    first, deep, last = find([tmp_path])
    assert (first.path, last.path) == (str(tmp_path / "a.wav"), str(tmp_path / "z.wav"))
    assert isinstance(deep, Unreadable)
    assert deep.message == "File name too long"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every directory")
def test_a_forbidden_directory_is_reported(tmp_path: Path) -> None:
    plant(tmp_path, "closed/a.wav", "open/b.wav")
    (tmp_path / "closed").chmod(0)
    try:
        closed, found = find([tmp_path])
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert closed == Unreadable(str(tmp_path / "closed"), "PermissionError", "Permission denied")
    assert found.path == str(tmp_path / "open" / "b.wav")


def test_a_tree_deeper_than_the_stack_is_walked(tmp_path: Path) -> None:
    deep = "d/" * 300 + "a.wav"
    plant(tmp_path, deep)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        assert keys(tmp_path) == [deep]
    finally:
        sys.setrecursionlimit(limit)


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name.strip("."))


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.sampled_from(["", "a/", "a b/", "a,b/", "é\n/"]), NAMES), max_size=12))
def test_any_name_is_found_once_in_order_and_has_its_own_key(tmp_path_factory, names) -> None:
    root = tmp_path_factory.mktemp("names")
    expected = {f"{folder}{name}.wav" for folder, name in names}
    plant(root, *expected)
    assert keys(root) == sorted(expected)


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    plant(tmp_path, name)
    (found,) = find([tmp_path])
    assert os.fsencode(found.path) == os.fsencode(tmp_path) + b"/caf\xe9.wav"


def test_keys_are_relative_whether_the_path_is_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "x/y/b.wav")
    monkeypatch.chdir(tmp_path)
    root = str(tmp_path / "x")
    (found,) = find(["x"])
    assert found.path == "x/y/b.wav"
    assert relative(found.path, root) == relative(str(tmp_path / "x/y/b.wav"), root) == "y/b.wav"
    assert relative("gone.wav", root) == "../gone.wav"
    assert relative("", root)
