"""URLs: names without secrets, listings, and errors of listings."""

import os
import shutil
import sys

import pytest

from ser_batch.errors import SerBatchError
from ser_batch.inputs import remote
from ser_batch.inputs.find import find
from ser_batch.inputs.lists import read_list, read_manifest
from ser_batch.inputs.sources import Source, Unreadable
from ser_batch.inputs.suffixes import is_audio
from ser_batch.inputs.url import common_folder, is_url, redacted, redacted_command, redacted_text
from tests.storage import Proxy, web_server

SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F2026&X-Amz-Date=2026&X-Amz-Signature=f00"


@pytest.mark.parametrize(
    "path", ["s3://b/a.wav", "gs://b", "az://c/a", "abfs://c@a.dfs.core.windows.net/x", "https://h/"]
)
def test_urls(path):
    assert is_url(path)


@pytest.mark.parametrize(
    "path", ["a.wav", "/a/b", "", "s3:/b/a.wav", "file:///a", "C://x", "x s3://b/a", "://"]
)
def test_paths(path):
    assert not is_url(path)
    assert redacted(path) == path


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://h/a.wav?" + SIGNED, "https://h/a.wav"),
        ("https://h/a.wav?id=7&" + SIGNED, "https://h/a.wav?id=7"),
        ("https://h/get?id=7&sv=2024&se=2026&sr=b&sp=r&sig=f00%3D", "https://h/get?id=7"),
        ("https://h/get?se=7&sp=8", "https://h/get?se=7&sp=8"),
        ("https://h/a.wav?token=t0p&x=1&access_token=t0p&api_key=k", "https://h/a.wav?x=1"),
        ("https://h/a.wav?Expires=1&Signature=f00&Key-Pair-Id=K&Policy=p", "https://h/a.wav"),
        ("https://h/a.wav?GoogleAccessId=me&X-Goog-Signature=f00", "https://h/a.wav"),
        ("https://user:p@ss@h/a@b.wav?c@d", "https://h/a@b.wav?c@d"),
        ("https://t0ken@h/a.wav", "https://h/a.wav"),
        ("s3://key:secret@b/a.wav", "s3://b/a.wav"),
        (
            "abfs://container@account.dfs.core.windows.net/a.wav",
            "abfs://container@account.dfs.core.windows.net/a.wav",
        ),
        ("s3://b/a@b?versionId=3", "s3://b/a@b?versionId=3"),
    ],
)
def test_names_tell_no_secrets_and_stay_the_same_when_signed_anew(url, told):
    assert redacted(url) == told == redacted(told)
    assert redacted_text(f"could not open {url} twice") == f"could not open {told} twice"
    assert redacted_command(["ser-batch", f"--output={url}", url, "-j", "1"])[1:3] == [
        f"--output={told}",
        told,
    ]


def test_a_query_is_no_part_of_a_suffix():
    assert is_audio("https://h/a.WAV?x=1.txt")
    assert not is_audio("https://h/a.txt?x=1.wav")
    assert is_audio("s3://b/what?.wav")


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        ("s3://b/x/y", "s3://b/x/z", "s3://b/x"),
        ("s3://b/x", "s3://b", "s3://b"),
        ("s3://b/xy", "s3://b/x", "s3://b"),
        ("s3://b", "s3://c", "s3://"),
        ("s3://b", "gs://b", ""),
        ("s3://b", "/home", ""),
        ("/home", "s3://b", ""),
        ("", "s3://b", ""),
    ],
)
def test_the_folder_above_two(first, second, common):
    assert common_folder(first, second) == common


def test_lists_keep_urls_as_they_are(tmp_path):
    urls = ["s3://b/a.wav", "https://h/a.wav?x=1"]
    assert list(read_list([f"{url}\n" for url in urls])) == urls
    (tmp_path / "list.csv").write_text("file\n" + "\n".join(urls) + "\nlocal.wav\n")
    assert list(read_manifest(tmp_path / "list.csv")) == [*urls, str(tmp_path / "local.wav")]


@pytest.fixture
def store(monkeypatch):
    """fsspec's file system in memory, as if it were a store of some scheme."""
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    monkeypatch.setitem(remote.EXTRAS, "memory", "memory")
    for name in ("a.wav", "b.txt", "x/c.FLAC", "x/y/d.mp3", ".journal/e.wav", "x/.git/f.wav", "out/g.wav"):
        files.pipe_file(f"/store/{name}", name.encode())
    yield files
    files.rm("/store", recursive=True)


def names(*urls, **globs):
    return sorted(item.path for item in find(urls, **globs))


def test_a_folder_is_listed_to_any_depth(store):
    expected = [
        "memory://store/a.wav",
        "memory://store/out/g.wav",
        "memory://store/x/c.FLAC",
        "memory://store/x/y/d.mp3",
    ]
    assert names("memory://store") == names("memory://store/") == expected
    assert names("memory://store/x", "memory://store/b.txt") == ["memory://store/b.txt", *expected[2:]]
    assert names("memory://store", exclude=["out", "x/y"]) == [expected[0], expected[2]]
    assert names("memory://store", include=["x/*"]) == expected[2:]
    assert names("memory://store/a.wav", include=["x*"]) == []


def test_what_is_not_there_is_reported_once(store, monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", ())
    (found,) = find(["memory://store/gone.wav"] * 2)
    assert found == Unreadable("memory://store/gone.wav", "FileNotFoundError", "no such object")
    (found,) = find(["memory://gone/"])
    assert found.error == "FileNotFoundError"


def test_a_package_that_is_missing_is_named(monkeypatch):
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "gs", raising=False)
    with pytest.raises(SerBatchError, match=r"gs://b/a.wav: .*pip install 'ser-batch\[gcs\]'"):
        list(find(["gs://b/a.wav"]))


@pytest.fixture
def web(samples, tmp_path):
    pytest.importorskip("aiohttp")
    shutil.copytree(samples, tmp_path / "web" / "speech")
    with web_server(tmp_path / "web") as address, Proxy(address).running() as proxy:
        yield proxy


def test_a_web_folder_has_what_its_pages_link_to(web, samples, monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.01, 0.01, 0.01))
    web.faults["GET", "/meeting/"] = [503, 500]
    web.faults["HEAD", "/QUESTION.WAV"] = [503]
    found = list(find([f"{web.address}/speech/"]))
    sizes = {
        item.path.removeprefix(f"{web.address}/speech/").replace("%20", " "): item.size for item in found
    }
    assert sizes == {item.path.removeprefix(f"{samples}/"): item.size for item in find([samples])}
    assert list(find([f"{web.address}/speech/"])) == found


def test_links_that_lead_in_circles_or_elsewhere_are_not_followed(web, tmp_path):
    links = [
        "./",
        "../",
        "../speech/../x.wav",
        "?C=N;O=D",
        "//",
        "/",
        "a.wav",
        "b/",
        "http://elsewhere/c.wav",
        "#d",
    ]
    for folder in (tmp_path / "web" / "page", tmp_path / "web" / "page" / "b"):
        folder.mkdir()
        (folder / "a.wav").write_bytes(b"-")
        (folder / "index.html").write_text("".join(f'<a href="{link}">{link}</a>' for link in links))
    top = f"{web.address}/page"
    found = list(find([f"{top}/"]))
    assert sorted(item.path for item in found) == [f"{top}/a.wav", f"{top}/b/a.wav", f"{top}/b/b/"]
    assert [item.error for item in found if isinstance(item, Unreadable)] == ["FileNotFoundError"]


def test_a_web_address_that_refuses_is_asked_once_and_tells_no_secret(web):
    web.faults["HEAD", "/secret.wav"] = web.faults["GET", "/secret.wav"] = [403] * 9
    first, second = find([f"{web.address}/secret.wav?token=t0p", f"{web.address}/gone.wav"])
    assert (first.path, first.error) == (f"{web.address}/secret.wav", "PermissionError")
    assert first.message == "access denied (403): check the credentials in the environment"
    assert second.message == "no such object (404)"
    assert len(web.seen) == 4  # with HEAD and with GET each


def test_an_object_that_changes_has_another_time(web, tmp_path):
    url = f"{web.address}/speech/diary/pause.wav"
    (before,) = find([url])
    os.utime(tmp_path / "web" / "speech" / "diary" / "pause.wav", (1e9, 1e9))
    (after,) = find([url])
    assert after.size == before.size
    assert after.mtime_ns != before.mtime_ns


def test_sources_have_the_url_that_opens_them(web):
    url = f"{web.address}/speech/diary/pause.wav?token=t0p"
    (found,) = find([url])
    assert isinstance(found, Source)
    assert found.path == url
