"""Inputs and outputs in stores: a real S3 server, a real web server, and failures in between."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
import soundfile

import ser_batch
from ser_batch.engine import pool
from ser_batch.engine.result import Annotation, Failure
from ser_batch.engine.worker import Worker
from ser_batch.errors import SerBatchError
from ser_batch.inputs import remote, spool
from ser_batch.inputs.find import find
from ser_batch.inputs.lists import read_manifest
from ser_batch.inputs.url import EXTRAS
from ser_batch.runs import mirror
from ser_batch.stretches import Stretch
from tests.running import (
    FAULTS,
    TABLES,
    annotate,
    end_of,
    group,
    journal_lines,
    rows,
    started,
    tables,
    wait_until,
)
from tests.storage import BUCKET, MANY, Proxy, credentials, s3_server, upload, web_server

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(samples, tmp_path_factory):
    """The tables of the samples, read from the disk."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ser_batch.annotate_to(samples, folder)
    return tables(folder)


@pytest.fixture(scope="module")
def worker(settings):
    return Worker(settings)


@pytest.fixture
def web(samples):
    pytest.importorskip("aiohttp")
    with web_server(samples) as address, Proxy(address).running() as proxy:
        yield proxy


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.01, 0.01, 0.01))


CLIP = "meeting/introduction.flac"


@pytest.mark.parametrize("fault", [500, 503, 429, "cut", "slow"])
def test_a_temporary_network_fault_is_repaired(worker, samples, web, quick, fault):
    web.faults["GET", CLIP] = [fault]
    beats = []
    outcome = worker.annotate(f"{web.address}/{CLIP}", lambda seconds: beats.append(seconds))
    assert outcome.record() == worker.annotate(str(samples / CLIP)).record()
    assert [path for method, path in web.seen if method == "GET"] == [f"/{CLIP}"] * (1 + (fault != "slow"))
    if fault == "slow":
        assert len(beats) > 10  # bytes keep a worker alive


def test_a_stretch_of_an_object_is_that_of_the_file(worker, samples, web, tmp_path):
    (tmp_path / "list.csv").write_text(f"file,start,end\n{web.address}/{CLIP}?token=t0p,0.5,2\n")
    [found] = find(read_manifest(tmp_path / "list.csv"))
    assert found.size == (samples / CLIP).stat().st_size
    outcome = worker.annotate(found.path)
    assert outcome.record() == worker.annotate(str(Stretch(str(samples / CLIP), 0.5, 2.0))).record()
    assert outcome.starts[0] / outcome.sample_rate == 0.5
    done = annotate("--manifest", tmp_path / "list.csv", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    [row] = rows(tmp_path / "out" / "files.csv")
    assert (row["file"], row["start"], row["end"]) == ("introduction.flac", "0.500000", "2.000000")


def test_a_permanent_network_fault_is_a_failure(worker, web, quick):
    web.faults["GET", CLIP] = ["cut"] * 9
    failure = worker.annotate(f"{web.address}/{CLIP}")
    assert failure.stage == "read"
    assert "Not enough data" in failure.message
    web.faults["GET", CLIP] = [503] * 9
    assert worker.annotate(f"{web.address}/{CLIP}").message == "the store answered 503, several times"
    assert sum(method == "GET" for method, _ in web.seen) == 8


@pytest.mark.parametrize(("status", "message"), [(403, "access denied (403)"), (404, "no such object")])
def test_permanent_errors_are_tried_once(worker, web, status, message):
    web.faults["GET", CLIP] = [status] * 9
    failure = worker.annotate(f"{web.address}/{CLIP}?token=t0p")
    assert failure.stage == "read"
    assert failure.message.startswith(message)
    assert sum(method == "GET" for method, _ in web.seen) == 1
    assert "t0p" not in str(failure)


def test_a_local_copy_has_no_name_and_is_deleted_after_use(web, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    copies = spool.Spool()
    with copies.local(f"{web.address}/{CLIP}", lambda: None) as path:
        assert soundfile.info(path).frames
        assert list(tmp_path.iterdir()) == []
        assert str(tmp_path) in os.readlink(path)
        held = path
    assert not os.path.exists(held)


def test_the_next_object_is_fetched_during_inference(web):
    copies = spool.Spool()
    with copies.local(f"{web.address}/{CLIP}", lambda: None):
        copies.expect(f"{web.address}/phone/voicemail.mp3")
        copies.expect(f"{web.address}/phone/voicemail.mp3")
        wait_until(lambda: ("GET", "/phone/voicemail.mp3") in web.seen)
    with copies.local(f"{web.address}/phone/voicemail.mp3", lambda: None) as path:
        assert os.path.getsize(path)
    assert web.seen.count(("GET", "/phone/voicemail.mp3")) == 1


def test_a_missing_temporary_folder_is_a_failure(worker, web, quick, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    failure = worker.annotate(f"{web.address}/{CLIP}")
    expected = "cannot write to /nowhere (No such file or directory): set TMPDIR"
    assert failure == Failure("read", "SerBatchError", expected)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_temporary_disk_is_a_failure(worker, web, quick, monkeypatch):
    monkeypatch.setattr(spool, "_temporary_file", lambda: open("/dev/full", "r+b", buffering=0))
    failure = worker.annotate(f"{web.address}/{CLIP}")
    assert failure.stage == "read"
    assert "no space for a local copy: set TMPDIR" in failure.message


@slow
def test_a_silent_server_affects_no_other_file(settings, web):
    web.faults["GET", CLIP] = ["stall"] * 9
    sources = list(find([f"{web.address}/meeting/"]))
    with closing(pool.annotate(sources, settings, 1, 4.0, lambda: False)) as results:
        outcomes = {source.path: outcome for source, outcome in results}
    failure = outcomes.pop(f"{web.address}/{CLIP}")
    assert (failure.stage, failure.error) == ("worker", "Timeout")
    assert len(outcomes) == 2
    assert all(isinstance(outcome, Annotation) for outcome in outcomes.values())


def test_other_stores_of_fsspec(samples, worker, tmp_path, monkeypatch):
    """Through the file system in memory: what GCS and Azure are read and written with."""
    files = pytest.importorskip("fsspec").filesystem("memory")
    monkeypatch.setitem(EXTRAS, "memory", "memory")
    files.put(str(samples / "diary"), "/store/", recursive=True)
    outcome = worker.annotate("memory://store/diary/pause.wav")
    assert outcome.record() == worker.annotate(str(samples / "diary" / "pause.wav")).record()
    for where in ("first", "second"):
        summary = ser_batch.annotate_to(
            samples / "diary", "memory://store/out", work_dir=str(tmp_path / where)
        )
    assert summary.resumed == summary.files
    (local,) = (tmp_path / "second").iterdir()
    assert files.cat_file("/store/out/files.csv") == (local / "files.csv").read_bytes()
    assert not files.exists("/store/out/.journal/lock")
    files.rm("/store", recursive=True)


@pytest.fixture(scope="module")
def s3(samples):
    """A server with the samples in a bucket, and a proxy before it, which the environment names."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("s3fs")
    with s3_server() as address, Proxy(address).running() as proxy, pytest.MonkeyPatch.context() as patch:
        for name, value in credentials(proxy.address).items():
            patch.setenv(name, value)
        proxy.client = boto3.client("s3", endpoint_url=address)
        proxy.client.create_bucket(Bucket=BUCKET)
        upload(proxy.client, samples, "speech")
        yield proxy


@pytest.fixture(autouse=True)
def forget(request):
    """Faults of one test are not those of the next."""
    yield
    if "s3" in request.fixturenames:
        proxy = request.getfixturevalue("s3")
        proxy.faults.clear()
        proxy.seen.clear()


def keys(s3, prefix):
    """What is in the bucket below a prefix."""
    return {
        item["Key"].removeprefix(f"{prefix}/")
        for item in s3.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
    }


def content(s3, key):
    return s3.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def stored_tables(s3, prefix):
    return {name: content(s3, f"{prefix}/{name}") for name in TABLES}


@slow
def test_tables_from_a_store_equal_those_from_the_disk_despite_faults(s3, tmp_path, undisturbed):
    s3.faults["GET", "/meeting/introduction.flac"] = [500, "cut"]
    s3.faults["GET", "/QUESTION.WAV"] = ["other"]
    s3.faults["HEAD", "/QUESTION.WAV"] = [503]
    s3.faults["GET", "/voicemail.mp3"] = ["slow"]
    s3.faults["GET", f"/{BUCKET}"] = [500]  # the listing
    done = annotate(f"s3://{BUCKET}/speech", "-o", tmp_path / "out", "-j", 2)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "out") == undisturbed
    assert not any(faults for faults in s3.faults.values())

    before = len(s3.seen)
    again = annotate(f"s3://{BUCKET}/speech/", "-o", tmp_path / "out")
    assert "10 done before" in again.stderr
    assert tables(tmp_path / "out") == undisturbed
    assert len(s3.seen) == before + 1  # the listing

    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"not-to-be-told" not in path.read_bytes()


@slow
def test_lists_of_urls_and_local_files_may_be_mixed(s3, samples, tmp_path, undisturbed):
    urls = [item.path for item in find([f"s3://{BUCKET}/speech"])]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps({"file": url}) + "\n" for url in urls[:5]))
    listed = annotate(
        "-",
        "--manifest",
        tmp_path / "list.jsonl",
        "-o",
        tmp_path / "out",
        input="\n".join(urls[5:] + urls[:1]),
    )
    assert listed.returncode == 0, listed.stderr
    assert tables(tmp_path / "out") == undisturbed

    mixed = ser_batch.annotate_to(
        [f"s3://{BUCKET}/speech", samples / "diary"], tmp_path / "mixed", exclude=["radio"]
    )
    names = [row["file"] for row in rows(tmp_path / "mixed" / "files.csv")]
    assert len(names) == mixed.files
    assert f"s3://{BUCKET}/speech/{CLIP}" in names
    assert str(samples / "diary" / "pause.wav") in names
    assert not any("radio" in name for name in names)


@slow
def test_a_changed_object_is_annotated_again(s3, samples, tmp_path):
    s3.client.upload_file(str(samples / "diary" / "pause.wav"), BUCKET, "changing/a.wav")
    s3.client.upload_file(str(samples / "diary" / "pause.wav"), BUCKET, "changing/b.wav")
    assert ser_batch.annotate_to(f"s3://{BUCKET}/changing", tmp_path / "out").files == 2
    sound, rate = soundfile.read(samples / "diary" / "pause.wav", dtype="int16")
    soundfile.write(tmp_path / "other.wav", sound[::-1], rate)
    s3.client.upload_file(str(tmp_path / "other.wav"), BUCKET, "changing/b.wav")
    (before, after) = find([f"s3://{BUCKET}/changing"])
    assert before.size == after.size
    assert ser_batch.annotate_to(f"s3://{BUCKET}/changing", tmp_path / "out").resumed == 1


@slow
def test_an_object_in_parts_and_one_whose_etag_is_no_md5(s3, worker, samples, tmp_path, monkeypatch):
    sound = np.random.default_rng(0).integers(-3_000, 3_000, 3_000_000).astype(np.int16)
    soundfile.write(tmp_path / "long.wav", sound, 16_000)
    s3.client.upload_file(str(tmp_path / "long.wav"), BUCKET, "parts/long.wav", Config=_in_parts())
    assert "-" in s3.client.head_object(Bucket=BUCKET, Key="parts/long.wav")["ETag"]
    s3.faults["GET", "/long.wav"] = ["cut", 500]
    with worker._spool.local(f"s3://{BUCKET}/parts/long.wav", lambda: None) as path:
        assert open(path, "rb").read() == (tmp_path / "long.wav").read_bytes()

    monkeypatch.setattr(remote, "md5_of", lambda found: "0" * 32)
    outcome = worker.annotate(f"s3://{BUCKET}/speech/{CLIP}")
    assert outcome.record() == worker.annotate(str(samples / CLIP)).record()
    s3.seen.clear()
    worker.annotate(f"s3://{BUCKET}/speech/{CLIP}")
    assert sum(method == "GET" for method, _ in s3.seen) == 1  # it has learnt


def _in_parts():
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)


@slow
def test_ten_thousand_objects_are_listed_in_pages(s3):
    began = time.monotonic()
    found = list(find([f"s3://{MANY}"]))
    assert time.monotonic() - began < 60
    assert [item.path for item in found] == [f"s3://{MANY}/{k // 100:03}/{k:05}.wav" for k in range(10_000)]
    assert all(item.size == 1 and item.mtime_ns for item in found)
    assert [method for method, _ in s3.seen] == ["GET"] * 10


@slow
def test_downloads_overlap_with_computing(s3, settings, samples, tmp_path):
    """The second object is asked for before the first has been computed, though each is a chunk of its own."""
    long = tmp_path / "long.wav"
    soundfile.write(long, np.random.default_rng(0).normal(0, 0.1, 16_000 * 300), 16_000, subtype="PCM_24")
    for k in range(3):
        s3.client.upload_file(str(long), BUCKET, f"overlap/{k}.wav")
    sources = list(find([f"s3://{BUCKET}/overlap"]))
    assert sources[0].size > pool.CHUNK_BYTES
    asked = set()

    def stopped():
        asked.update(path for method, path in s3.seen if method == "GET" and path.endswith(".wav"))
        return False

    with closing(pool.annotate(sources, settings, 1, 60.0, stopped)) as results:
        _, outcome = next(results)
        assert len(asked) == 2
        assert isinstance(outcome, Annotation)


@pytest.fixture
def out(s3, request):
    """An output of one test in the bucket: its URL, and its key."""
    key = f"out/{request.node.name.replace('[', '-').rstrip(']')}"
    return f"s3://{BUCKET}/{key}", key


@slow
def test_an_output_in_a_store(s3, samples, tmp_path, out, undisturbed):
    url, key = out
    done = annotate(samples, "-o", url, "-f", "csv", "-f", "json", "--report", "--work-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"tables in {url}" in done.stderr
    assert stored_tables(s3, key) == undisturbed
    expected = {
        *undisturbed,
        "annotations.json",
        "report.html",
        "run.json",
        ".journal/run.journal",
        ".journal/run.index",
    }
    assert keys(s3, key) == expected
    puts = [path for method, path in s3.seen if method == "PUT"]
    assert puts[-1].partition("?")[0].endswith("run.json")
    assert "not-to-be-told" not in content(s3, f"{key}/run.json").decode()

    summary = ser_batch.annotate_to(samples, url, work_dir=str(tmp_path / "another machine"))
    assert summary.resumed == summary.files == 10


@slow
def test_tables_stay_local_until_the_upload_succeeds(s3, samples, tmp_path, out, undisturbed):
    url, key = out
    s3.faults["PUT", "/segments.csv"] = [403]
    options = {"work_dir": str(tmp_path), "include": ["*"]}
    with pytest.raises(
        SerBatchError, match=rf"cannot use {url} \(access denied \(403\).*is kept in {tmp_path}"
    ):
        ser_batch.annotate_to(samples, url, **options)
    assert "run.json" not in keys(s3, key)
    s3.faults["PUT", "/segments.csv"] = [500, 503]
    assert ser_batch.annotate_to(samples, url, **options).resumed == 10
    assert stored_tables(s3, key) == undisturbed


@slow
def test_another_machine_resumes_a_killed_run(s3, samples, tmp_path, out):
    url, key = out
    for k in range(4):
        s3.client.upload_file(str(samples / "meeting" / "QUESTION.WAV"), BUCKET, f"{key}-in/{k}.wav")
    s3.client.upload_file(str(samples / CLIP), BUCKET, f"{key}-in/5.flac")
    inputs = f"s3://{BUCKET}/{key}-in"
    whole = ser_batch.annotate_to(inputs, tmp_path / "whole")

    s3.faults["GET", "/5.flac"] = ["slow"] * 9
    arguments = [inputs, "-o", url, "-j", "1", "--work-dir", str(tmp_path / "first")]
    script = "import sys; from ser_batch.cli import main; from ser_batch.runs import mirror; "
    script += "mirror.UPLOAD_SECONDS = 0.2; main(sys.argv[1:])"
    command = [sys.executable, "-c", script, "annotate", *arguments]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: _lines(s3, f"{key}/.journal/run.journal") > 3, 120)
    for pid in group(running.pid):
        os.kill(pid, signal.SIGKILL)
    end_of(running)
    s3.faults.clear()
    assert ".journal/lock" in keys(s3, key)

    resumed = ser_batch.annotate_to(inputs, url, work_dir=str(tmp_path / "second"))
    assert resumed.resumed >= 3
    assert resumed.files == whole.files
    assert stored_tables(s3, key) == tables(tmp_path / "whole")
    assert not any("lock" in name for name in keys(s3, key))


def _lines(s3, key):
    """How many lines an object has, if it is there; asked now and then."""
    time.sleep(0.2)
    folder, _, name = key.rpartition("/")
    return content(s3, key).count(b"\n") if name in keys(s3, folder) else 0


@slow
def test_an_interrupted_run_uploads_its_journal(s3, samples, tmp_path, out):
    url, key = out
    for k in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(samples / CLIP, tmp_path / "in" / f"{k}.flac")
    for name in ("slow-1.flac", "z.flac"):
        shutil.copy(samples / CLIP, tmp_path / "in" / name)
    environment = {**os.environ, "PYTHONPATH": FAULTS["PYTHONPATH"]}
    running = started(tmp_path / "in", "-o", url, "-j", 1, "--work-dir", tmp_path / "work", env=environment)
    wait_until(lambda: any(journal_lines(path) >= 3 for path in (tmp_path / "work").glob("*")), 120)
    running.send_signal(signal.SIGINT)
    assert end_of(running)[0] == 130
    assert content(s3, f"{key}/.journal/run.journal").count(b"\n") >= 4
    assert keys(s3, key) == {".journal/run.journal", "run.json"}


@slow
def test_a_lock_object_excludes_a_second_run(s3, samples, tmp_path, out, monkeypatch):
    url, key = out
    lock = mirror.holder_text().splitlines()
    s3.client.put_object(
        Bucket=BUCKET, Key=f"{key}/.journal/lock", Body="\n".join([lock[0], "elsewhere", lock[2]])
    )
    with pytest.raises(
        SerBatchError, match=rf"{url} is being written by another run: process \d+ on elsewhere"
    ):
        ser_batch.annotate_to(samples / "diary", url, work_dir=str(tmp_path))
    monkeypatch.setattr(mirror, "STALE_SECONDS", -1)
    assert ser_batch.annotate_to(samples / "diary", url, work_dir=str(tmp_path)).exit_code == 0


@slow
def test_shards_and_settings_in_a_store(s3, samples, tmp_path, out):
    url, key = out
    for part in ("1/2", "2/2"):
        ser_batch.annotate_to(samples, url, shard=part, work_dir=str(tmp_path))
    assert {"shards/1-of-2/files.csv", "shards/2-of-2/run.json", ".journal/shard-2-of-2.index"} <= keys(
        s3, key
    )
    with pytest.raises(SerBatchError, match=f"{url} holds results made with other settings"):
        ser_batch.annotate_to(samples, url, shard="1/2", hop=1.0, work_dir=str(tmp_path / "elsewhere"))


@slow
def test_a_missing_bucket_is_reported(s3, samples, tmp_path):
    with pytest.raises(SerBatchError, match="s3://not-there/out: no such bucket"):
        ser_batch.annotate_to(samples, "s3://not-there/out", work_dir=str(tmp_path))
    with pytest.raises(SerBatchError, match="https://h/out: a web address cannot be written to"):
        ser_batch.annotate_to(samples, "https://me:secret@h/out", work_dir=str(tmp_path))


@slow
def test_no_output_contains_secrets_of_urls(web, tmp_path):
    """User and password, a signature, a token: in tables, journal, run.json, or what is said."""
    address = web.address.removeprefix("http://")
    urls = [
        f"http://me:pa55word@{address}/{CLIP}",
        f"http://{address}/diary/pause.wav?X-Amz-Signature=s1gned&id=7",
    ]
    urls += [f"http://{address}/gone.wav?sig=s1gned&se=2026", f"http://{address}/radio/gone.wav?token=s1gned"]
    web.faults["GET", "/radio/gone.wav"] = web.faults["HEAD", "/radio/gone.wav"] = [418] * 99
    done = annotate(*urls, "-o", tmp_path, "--log-json", "--verbose", "--report", "--absolute")
    assert done.returncode == 3
    names = [row["file"] for name in ("files.csv", "failures.csv") for row in rows(tmp_path / name)]
    expected = [CLIP, "diary/pause.wav?id=7", "gone.wav", "radio/gone.wav"]
    assert sorted(names) == sorted(f"http://{address}/{name}" for name in expected)
    told = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] + [done.stderr]
    assert len(told) > 6
    for text in told:
        assert "pa55word" not in text
        assert "s1gned" not in text

    anew = annotate(*(url.replace("s1gned", "an0ther") for url in urls), "-o", tmp_path)
    assert "2 done before" in anew.stderr
    with pytest.raises(SerBatchError, match=r"pause.wav\?id=7 is given twice, with different credentials"):
        ser_batch.annotate_to([urls[1], urls[1].replace("s1gned", "an0ther")], tmp_path / "twice")
