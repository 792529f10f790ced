"""Default jobs under CPU quotas and memory limits, read from made-up control groups."""

import os

import pytest

from ser_batch.engine.limits import cpus, default_jobs, memory_limit

CORES = len(os.sched_getaffinity(0))
UNLIMITED = 9223372036854771712  # what version 1 says of memory without a limit


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes made-up files of `proc` and `sys` into a folder, on a machine of 16 cores."""
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(16))

    def write(groups, **files):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
        for name, text in files.items():
            path = tmp_path / "sys" / "fs" / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path

    return write


V1 = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/system.slice\n"


@pytest.mark.parametrize(("groups", "files", "expected"), [
    ("0::/\n", {"cpu.max": "200000 100000"}, 2),  # docker run --cpus 2
    ("0::/\n", {"cpu.max": "150000 100000"}, 2),
    ("0::/\n", {"cpu.max": "50000 100000"}, 1),
    ("0::/\n", {"cpu.max": "max 100000"}, 16),
    ("0::/kube/pod/c\n", {"kube/pod/c/cpu.max": "max 100000", "kube/pod/cpu.max": "300000 100000"}, 3),
    ("0::/only/on/the/host\n", {"cpu.max": "400000 100000"}, 4),
    ("0::/../other\n", {}, 16),
    (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "300000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 3),
    (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 3),
    (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
    (V1, {"cpu/cpu.cfs_quota_us": "9900000", "cpu/cpu.cfs_period_us": "100000"}, 16),
    ("", {}, 16),
])  # fmt: skip
def test_cpu_quotas_of_containers(machine, groups, files, expected):
    assert cpus(machine(groups, **files)) == expected


def test_a_scheduler_s_grant(machine, monkeypatch):
    root = machine("0::/\n", **{"cpu.max": "400000 100000"})
    for granted, expected in {"2": 2, "8": 4, "0": 4, "many": 4}.items():
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", granted)
        assert cpus(root) == expected


@pytest.mark.parametrize(("groups", "files", "expected"), [
    ("0::/\n", {"memory.max": "1000000000"}, 1e9),
    ("0::/\n", {"memory.max": "max"}, float("inf")),
    ("0::/job/step\n", {"job/step/memory.max": "max", "job/memory.max": "2000000000"}, 2e9),
    (V1, {"memory/docker/abc/memory.limit_in_bytes": "500000000"}, 5e8),
    (V1, {"memory/memory.limit_in_bytes": UNLIMITED}, UNLIMITED),
    ("", {}, float("inf")),
])  # fmt: skip
def test_memory_limits_of_containers(machine, groups, files, expected):
    assert memory_limit(machine(groups, **files)) == expected


@pytest.mark.parametrize(("memory", "files", "jobs", "said"), [
    ("1000000000", 100, 4, ["memory is limited to 1,000 MB: 4 instead of 16 workers (see --jobs)"]),
    ("100000000", 100, 1, ["memory is limited to 100 MB: 1 instead of 16 workers (see --jobs)"]),
    ("1000000000", 3, 3, []),
    ("max", 100, 16, []),
    ("max", 0, 1, []),
])  # fmt: skip
def test_fewer_workers_than_cores_where_memory_is_scarce(machine, memory, files, jobs, said):
    warnings = []
    assert default_jobs(files, warnings.append, machine("0::/\n", **{"memory.max": memory})) == jobs
    assert warnings == said


def test_this_machine():
    assert 1 <= default_jobs() <= cpus() <= CORES
