"""Output folders that cannot be written, become full, or are deleted."""

import os
import resource
import shutil
import subprocess

import pytest

from tests.running import (
    FAULTS,
    ROOT,
    SER_BATCH,
    TABLES,
    annotate,
    end_of,
    journal_lines,
    started,
    tables,
    wait_until,
)


@pytest.fixture(scope="module")
def archive(samples, tmp_path_factory):
    """Files whose results take 17 kB."""
    folder = tmp_path_factory.mktemp("archive")
    for k in range(60):
        shutil.copy(samples / "meeting" / "introduction.flac", folder / f"{k:02} of a long archive.flac")
    return folder


@pytest.fixture(scope="module")
def undisturbed(archive, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert annotate(archive, "-o", out).returncode == 0
    return tables(out)


@pytest.fixture
def small_disk(tmp_path):
    """A file system whose size can be set in kB, and whether it can be written."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place], check=True, capture_output=True
        )

    try:
        mount("size=64k")
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("may not mount a file system here: it takes root, and CAP_SYS_ADMIN in a container")
    yield place, lambda *options: mount("remount", *options)
    subprocess.run(["umount", place], check=True)


def ran_out_of_room(done, folder, reason):
    assert done.returncode == 1
    assert f"cannot write to {folder} ({reason}): make room, if it is full" in done.stderr
    assert "run the same command again: what is done is kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.slow
def test_a_disk_that_is_full_of_results(small_disk, archive, undisturbed):
    place, remount = small_disk
    remount("size=12k")
    ran_out_of_room(annotate(archive, "-o", place / "out"), place / "out", "No space left on device")
    done = journal_lines(place / "out")
    assert 0 < done < 60
    remount("size=10m")
    resumed = annotate(archive, "-o", place / "out")
    assert resumed.returncode == 0
    assert f"{done} done before" in resumed.stderr
    assert tables(place / "out") == undisturbed


@pytest.mark.slow
def test_a_disk_without_room_for_the_tables(small_disk, archive, undisturbed):
    place, remount = small_disk
    remount("size=10m")
    assert annotate(archive, "-o", place / "out").returncode == 0
    used = sum((place / "out" / name).stat().st_size for name in TABLES)
    for name in TABLES:
        (place / "out" / name).unlink()
    remount(f"size={used // 2 + (place / 'out' / '.journal' / 'run.journal').stat().st_size}")
    ran_out_of_room(annotate(archive, "-o", place / "out"), place / "out", "No space left on device")
    assert not list((place / "out").glob("*.partial"))
    assert not (place / "out" / "segments.csv").exists()
    remount("size=10m")
    resumed = annotate(archive, "-o", place / "out")
    assert "60 done before" in resumed.stderr
    assert tables(place / "out") == undisturbed


def test_a_disk_that_is_full_from_the_start(small_disk, archive):
    place, _ = small_disk
    with pytest.raises(OSError, match="No space"), (place / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    ran_out_of_room(annotate(archive, "-o", place / "out"), place / "out", "No space left on device")


@pytest.mark.slow
def test_a_limit_on_the_size_of_files(archive, tmp_path, undisturbed):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    # what coverage keeps is larger than that, too
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    stopped = annotate(archive, "-o", tmp_path / "out", preexec_fn=limit, env=unmeasured)
    ran_out_of_room(stopped, tmp_path / "out", "File too large")
    done = journal_lines(tmp_path / "out")
    assert 0 < done < 60
    resumed = annotate(archive, "-o", tmp_path / "out")
    assert f"{done} done before" in resumed.stderr
    assert tables(tmp_path / "out") == undisturbed


def test_a_folder_on_a_disk_that_is_read_only(small_disk, samples):
    place, remount = small_disk
    remount("ro")
    done = annotate(samples / "meeting", "-o", place / "out")
    assert done.returncode == 1
    assert (
        f"cannot write to {place / 'out'} (Read-only file system): choose another folder with -o"
        in done.stderr
    )


def test_a_folder_without_permission(samples, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    if os.access(tmp_path / "out", os.W_OK):
        pytest.skip("root may write everywhere")
    done = annotate(samples / "meeting", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "(Permission denied): choose another folder with -o" in done.stderr


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_is_a_file(samples, tmp_path, name):
    (tmp_path / "file").write_text("dear diary")
    done = annotate(samples / "meeting", "-o", tmp_path / name)
    assert done.returncode == 1
    assert "choose another folder with -o" in done.stderr
    assert (tmp_path / "file").read_text() == "dear diary"


@pytest.mark.parametrize("event", ["deleted", "moved"])
def test_a_folder_that_is_deleted_or_moved_during_the_run(samples, tmp_path, event):
    audio, out = tmp_path / "in", tmp_path / "out"
    audio.mkdir()
    for name in ("0.flac", "slow-1.flac", "slow-2.flac"):
        shutil.copy(samples / "meeting" / "introduction.flac", audio / name)
    running = started(audio, "-o", out, "-j", 1, env={**FAULTS, "SLOW_SECONDS": "1"})
    wait_until(lambda: journal_lines(out) == 1)
    shutil.rmtree(out) if event == "deleted" else out.rename(tmp_path / "elsewhere")
    code, said = end_of(running)
    assert code == 1
    assert f"{out} has been deleted or moved during the run" in said
    assert "Traceback" not in said
    assert not out.exists()
    if event == "moved":
        (tmp_path / "elsewhere").rename(out)
        resumed = annotate(audio, "-o", out)
        assert resumed.returncode == 0
        assert "done before" in resumed.stderr


def test_a_deleted_current_folder_is_reported_at_once(samples, tmp_path):
    script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    command = [*SER_BATCH, "annotate", str(samples / "meeting"), "-o", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(tmp_path / "gone"), *command],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 1
    assert done.stderr == "Error: the current folder has been deleted: change to one that exists (cd)\n"


def test_a_log_on_a_full_disk_does_not_stop_a_run(samples, tmp_path):
    with open("/dev/full", "w") as log:
        command = [*SER_BATCH, "annotate", str(samples / "meeting"), "-o", str(tmp_path / "out")]
        assert subprocess.run(command, stderr=log, timeout=60).returncode == 0
