"""The Ray engine on clusters of several raylets."""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_batch.engine.job import Options
from ser_batch.errors import SerBatchError
from ser_batch.runs.progress import Progress
from ser_batch.runs.run import run
from tests.ray_cluster import actors, add_node, cluster_of
from tests.running import (
    FAULTS,
    ROOT,
    annotate,
    children,
    command_of,
    end_of,
    group,
    journal_lines,
    rows,
    started,
    tables,
    wait_until,
)

pytest.importorskip("ray", reason="needs Ray: pip install 'ser-batch[ray]'")
pytestmark = pytest.mark.slow

LONG = 300.0  # seconds to wait for what takes a few on an idle machine


@pytest.fixture(scope="module")
def cluster():
    """Two raylets."""
    with cluster_of(2) as cluster:
        yield cluster


@pytest.fixture
def gated(samples, tmp_path):
    """48 files, and then 112 that no cluster here gets beyond before the gate is opened; and the local tables."""
    audio = tmp_path / "in"
    audio.mkdir()
    for k in range(160):
        name = f"{k:03}.wav" if k < 48 else f"gated-{k}.wav"
        shutil.copy(samples / "meeting" / "QUESTION.WAV", audio / name)
    return audio, made(audio, tmp_path / "local", ray=None)


def open_gate(audio):
    (audio / "gate").touch()


def ran(paths, out, **options):
    """The summary of a run in this process."""
    return run(map(str, paths), out, Options(**options), Progress())


def made(audio, out, ray, **options):
    """The tables of such a run."""
    summary = ran([audio], out, ray=ray, **options)
    assert not summary.stopped
    return tables(out)


def at_the_gate(audio, out, *options, n=2, **kwargs):
    """A run in a process of its own, once `n` actors are at the gate."""
    running = started(audio, "-o", out, "--timeout", 600, *options, **kwargs)
    while_it_runs(running, lambda: journal_lines(out) == 48 and len(actors(".annotate")) == n)
    return running


def while_it_runs(running, condition):
    """Wait for a condition that is to be true before the run ends."""
    wait_until(lambda: running.poll() is not None or condition(), LONG)
    assert running.poll() is None


def test_tables_equal_those_of_the_local_engine_despite_faults(cluster, samples, tmp_path, monkeypatch):
    audio = shutil.copytree(samples, tmp_path / "in")
    (audio / "bad.wav").write_text("dear diary")
    (audio / "empty.wav").touch()
    (audio / "gone.wav").symlink_to("nowhere")
    for fault in ("segfault", "deadly", "hungry", "hang", "vanishing", "flaky"):
        shutil.copy(audio / "meeting" / "introduction.flac", audio / f"{fault}-1.flac")
    kept = (audio / "vanishing-1.flac").read_bytes()
    from_cluster = made(audio, tmp_path / "ray", cluster.address, timeout=6.0)
    failures = {row["file"]: row["error"] for row in rows(tmp_path / "ray" / "failures.csv")}
    assert {failures[f"{fault}-1.flac"] for fault in ("segfault", "deadly")} == {"Crash"}
    assert (failures["hungry-1.flac"], failures["hang-1.flac"]) == ("Memory", "Timeout")
    assert len(rows(tmp_path / "ray" / "files.csv")) == 11

    (audio / "vanishing-1.flac").write_bytes(kept)
    monkeypatch.setenv("PYTHONPATH", FAULTS["PYTHONPATH"])
    assert from_cluster == made(audio, tmp_path / "local", None, timeout=6.0)


def test_adapted_tables_equal_those_of_the_local_engine(cluster, samples, tmp_path):
    audio = tmp_path / "in"
    for copy in "abcdef":
        shutil.copytree(samples / "meeting", audio / copy)
    shown = made(audio, tmp_path / "local", None, adapt=True, expect="neutral=0.6")
    assert shown != made(audio, tmp_path / "plain", None)
    assert shown == made(audio, tmp_path / "ray", cluster.address, adapt=True, expect="neutral=0.6")


def test_nodes_may_join_and_leave_during_a_run(cluster, gated, tmp_path):
    audio, expected = gated
    running = at_the_gate(audio, tmp_path / "out", "-q", "--ray", cluster.address)
    third = add_node(cluster)
    while_it_runs(running, lambda: len(set(actors(".annotate").values())) == 3)
    cluster.remove_node(third, allow_graceful=False)
    open_gate(audio)
    assert end_of(running, LONG) == (0, "")
    assert tables(tmp_path / "out") == expected


def test_the_files_of_a_killed_actor_are_annotated(cluster, gated, tmp_path):
    audio, expected = gated
    running = at_the_gate(audio, tmp_path / "out", "-q", "--ray", cluster.address)
    victim = min(actors())
    os.kill(victim, signal.SIGKILL)
    while_it_runs(running, lambda: len(actors(".annotate")) == 2 and victim not in actors())
    open_gate(audio)
    assert end_of(running, LONG) == (0, "")
    assert tables(tmp_path / "out") == expected


def test_a_file_that_kills_its_actor_fails_alone(cluster, samples, tmp_path):
    for name in ("parricide-1.wav", *(f"good {k}.wav" for k in range(40))):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(samples / "meeting" / "QUESTION.WAV", tmp_path / "in" / name)
    made(tmp_path / "in", tmp_path / "out", cluster.address)
    [failure] = rows(tmp_path / "out" / "failures.csv")
    assert (failure["file"], failure["error"]) == ("parricide-1.wav", "Crash")
    assert "3 actors were lost" in failure["message"]
    assert len(rows(tmp_path / "out" / "files.csv")) == 40


def test_a_killed_run_leaves_no_actors_and_resumes(cluster, gated, tmp_path):
    audio, expected = gated
    running = at_the_gate(audio, tmp_path / "out", "--ray", cluster.address)
    running.kill()
    running.communicate()
    wait_until(lambda: not actors(), LONG)
    open_gate(audio)
    assert ran([audio], tmp_path / "out", ray=cluster.address).resumed == 48
    assert tables(tmp_path / "out") == expected


def test_ctrl_c_finishes_the_file_in_work_of_each_actor(cluster, gated, tmp_path):
    audio, expected = gated
    out = tmp_path / "out"
    running = at_the_gate(audio, out, "--ray", cluster.address)
    os.killpg(running.pid, signal.SIGINT)
    time.sleep(2)  # for the actors to hear it
    open_gate(audio)
    code, said = end_of(running, LONG)
    assert code == 130
    assert "run the same command again" in said
    assert 48 + 2 <= journal_lines(out) < 48 + 2 * 16  # not all of what the actors had been given
    assert made(audio, out, cluster.address) == expected


@pytest.fixture
def scratch():
    """A folder for temporary files with a short name: pytest's are too long for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)


def test_a_private_cluster_ends_with_the_run_even_if_the_whole_group_is_terminated(gated, tmp_path, scratch):
    audio, expected = gated
    out = tmp_path / "out"
    environment = {**FAULTS, "TMPDIR": str(scratch)}
    running = at_the_gate(audio, out, "-j", 1, "--ray", n=1, env=environment)
    os.killpg(running.pid, signal.SIGTERM)  # Ray's own processes are not in this group
    time.sleep(2)
    open_gate(audio)
    code, _ = end_of(running, LONG)
    assert code == 130
    assert 48 + 1 <= journal_lines(out) < 48 + 16
    assert not actors()
    assert not any(scratch.iterdir())
    resumed = annotate(audio, "-o", out, "-j", 1, "--ray", env=environment)
    assert resumed.returncode == 0
    assert tables(out) == expected


def test_the_private_cluster_of_a_killed_run_ends(gated, tmp_path, scratch):
    environment = {**FAULTS, "TMPDIR": str(scratch)}
    running = at_the_gate(gated[0], tmp_path / "out", "-j", 1, "--ray", n=1, env=environment)
    [helper] = [pid for pid in children(running.pid) if "engine.ray.local" in command_of(pid)]
    running.kill()
    running.communicate()
    wait_until(lambda: not group(helper), LONG)
    assert not any(scratch.iterdir())


@pytest.fixture(scope="module")
def small_store():
    """Two raylets whose disk, they believe, is full: they take no object that the store has no room for."""
    full = {
        "automatic_object_spilling_enabled": False,
        "local_fs_capacity_threshold": 0.0,
        "object_store_full_delay_ms": 10,
    }
    with cluster_of(2, _system_config=full) as cluster:
        yield cluster


@pytest.fixture
def only_here(small_store, tmp_path, monkeypatch):
    """A path that means this folder to this process alone: the nodes have been started elsewhere."""
    folder = tmp_path / "only here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Path("/proc/self/cwd")


def test_files_that_only_the_driver_sees_are_sent_through_a_store_that_is_too_small(
    small_store, only_here, tmp_path, rng
):
    for k in range(5):
        noise = rng.normal(0, 0.1, (20 * 192_000, 2)).astype(np.float32)
        soundfile.write(only_here / f"{k}.wav", noise, 192_000, "FLOAT")  # 31 MB each, of which two fit
    (only_here / "bad.wav").write_text("dear diary")
    expected = made(only_here, tmp_path / "local", None)
    assert made(only_here, tmp_path / "ray", small_store.address, ray_ship_files=True) == expected


def test_files_that_a_node_does_not_see_are_failures_that_say_what_to_do(
    small_store, only_here, samples, tmp_path
):
    shutil.copy(samples / "meeting" / "QUESTION.WAV", only_here)
    shutil.copy(samples / "meeting" / "QUESTION.WAV", tmp_path)
    paths = [only_here / "QUESTION.WAV", tmp_path / "QUESTION.WAV"]
    summary = ran(paths, tmp_path / "out", ray=small_store.address)
    assert (summary.files, summary.failed) == (1, 1)
    [failure] = rows(tmp_path / "out" / "failures.csv")
    assert "--ray-ship-files" in failure["message"]


def test_a_cluster_without_ser_batch_gets_it_by_runtime_environment(samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Ray has workers look for modules where the driver is
    stranger = tmp_path / "stranger" / "ser_batch"
    stranger.mkdir(parents=True)
    (stranger / "__init__.py").write_text("raise ImportError('this node has no ser_batch')\n")
    audio, expected = samples / "meeting", made(samples / "meeting", tmp_path / "local", None)
    with cluster_of(1, {"PYTHONPATH": str(stranger.parent)}) as cluster:
        with pytest.raises(SerBatchError, match=r"actors on the Ray cluster cannot work.*has no ser_batch"):
            made(audio, tmp_path / "refused", cluster.address)
        environment = f'{{"py_modules": ["{ROOT / "ser_batch"}"]}}'
        found = made(audio, tmp_path / "sent", cluster.address, ray_runtime_env=environment)
    assert found == expected


def test_a_cluster_may_be_joined_from_outside(samples, tmp_path):
    with cluster_of(1, ray_client_server_port=10_715):
        for _ in range(3):  # Ray's server forks while it has threads: now and then a child of it never begins
            found = annotate(samples / "meeting", "-o", tmp_path / "out", "--ray", "ray://127.0.0.1:10715")
            if found.returncode == 0:
                break
    assert found.returncode == 0, found.stderr
    assert tables(tmp_path / "out") == made(samples / "meeting", tmp_path / "local", None)


def test_an_address_without_a_cluster_is_reported(samples, tmp_path):
    refused = annotate(samples, "-o", tmp_path / "out", "--ray", "ray://127.0.0.1:9", "-q")
    assert refused.returncode == 1
    assert "Error: cannot join the Ray cluster at ray://127.0.0.1:9" in refused.stderr
