import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tracemalloc

import pytest

import ser_batch
from ser_batch.errors import SerBatchError
from ser_batch.runs.output_folder import OutputFolder
from ser_batch.runs.shards import Shard
from ser_batch.runs.summary import Summary
from tests.running import ROOT, SER_BATCH, TABLES, annotate, rows, tables
from tests.running import ser_batch as command

N = 3


@pytest.fixture(scope="session")
def archive(samples, tmp_path_factory):
    """Good files, a damaged one, a dangling link, names that are hard to sort."""
    folder = tmp_path_factory.mktemp("archive") / "in"
    shutil.copytree(samples / "meeting", folder / "meeting")
    shutil.copytree(samples / "diary", folder / "meeting-2")
    shutil.copy(samples / "diary" / "pause.wav", folder / "meeting" / "é, \udcff.wav")
    shutil.copy(samples / "diary" / "pause.wav", folder / "!.wav")
    (folder / "text.wav").write_text("dear diary")
    (folder / "=link.wav").symlink_to("nowhere")
    return folder


@pytest.fixture(scope="session")
def whole(archive, tmp_path_factory):
    """The single run, in two formats."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert ser_batch.annotate_to(archive, out, formats=["csv", "jsonl"], jobs=1).exit_code == 3
    return out


@pytest.fixture(scope="session")
def annotated(archive, tmp_path_factory):
    """The shards, done and not merged."""
    out = tmp_path_factory.mktemp("shards") / "out"
    for i in range(1, N + 1):
        ser_batch.annotate_to(archive, out, shard=f"{i}/{N}", jobs=1)
    return out


@pytest.fixture
def shards(annotated, tmp_path):
    """A copy of the shards, to be spoilt."""
    return shutil.copytree(annotated, tmp_path / "out")


def remove(folder, i):
    for path in (folder / ".journal").glob(f"shard-{i}-of-*"):
        path.unlink()
    shutil.rmtree(folder / "shards" / f"{i}-of-{N}")


def test_shards_merged_are_the_single_run(shards, whole):
    files = [
        {row["file"] for row in rows(shards / "shards" / f"{i}-of-{N}" / "files.csv")} for i in (1, 2, 3)
    ]
    assert all(files)
    assert sum(map(len, files)) == len(rows(whole / "files.csv"))
    done = command("merge", shards)
    assert done.returncode == 3, done.stderr
    assert tables(shards) == tables(whole)
    assert "2 failed" in done.stderr


def test_another_format_and_folder(shards, whole, tmp_path):
    summary = ser_batch.merge(shards, tmp_path / "joined", formats=["jsonl", "csv"])
    assert summary.exit_code == 3
    names = {path.name for path in whole.iterdir()} - {".journal", "run.json"}
    assert names > set(TABLES)
    for name in names:
        assert (tmp_path / "joined" / name).read_bytes() == (whole / name).read_bytes()


def test_run_json_sums_up_and_names_the_parts(shards, whole):
    ser_batch.merge(shards)
    merged, single = (json.loads((folder / "run.json").read_text()) for folder in (shards, whole))
    same = ("counts", "labels", "audio_seconds", "model", "front_end", "schema_version", "exit_code")
    assert {key: merged[key] for key in same} == {key: single[key] for key in same}
    assert merged.keys() == {*single, "parts", "missing"}
    assert [part["shard"] for part in merged["parts"]] == ["1/3", "2/3", "3/3"]
    assert sum(part["counts"]["files"] for part in merged["parts"]) == merged["counts"]["files"]
    assert merged["missing"] == []
    part = json.loads((shards / "shards" / f"2-of-{N}" / "run.json").read_text())
    assert part["options"]["shard"] == "2/3"


@pytest.mark.slow
def test_shards_in_a_folder_each_and_more_shards_than_files(archive, whole, tmp_path):
    folders = [tmp_path / f"{i}" for i in range(1, 13)]
    summaries = [
        ser_batch.annotate_to(archive, folder, shard=f"{i}/12", jobs=1)
        for i, folder in enumerate(folders, start=1)
    ]
    empty = [
        folder
        for folder, summary in zip(folders, summaries, strict=True)
        if not summary.files + summary.failed
    ]
    assert empty and all(
        rows(folder / "shards" / f"{folder.name}-of-12" / "files.csv") == [] for folder in empty
    )
    assert summaries[int(empty[0].name) - 1].exit_code == 0
    assert command("merge", *folders).returncode == 2
    assert command("merge", *folders, "-o", tmp_path / "out").returncode == 3
    assert tables(tmp_path / "out") == tables(whole)


def test_absolute_names(shards, whole, archive):
    run = shards / "shards" / f"1-of-{N}" / "run.json"
    run.write_text(run.read_text().replace('"absolute": false', '"absolute": true'))
    ser_batch.merge(shards)
    for table in ("files.csv", "failures.csv"):
        names = [row["file"].removeprefix("./") for row in rows(whole / table)]
        assert [row["file"] for row in rows(shards / table)] == [f"{archive}/{name}" for name in names]


def test_missing_and_interrupted_shards(shards, whole):
    remove(shards, 1)
    (shards / ".journal" / f"shard-3-of-{N}.index").unlink()  # as while it is being done again
    done = command("merge", shards)
    assert done.returncode == 1
    assert "2 of 3 shards are missing or not complete (1/3, 3/3)" in done.stderr
    assert not (shards / "files.csv").exists()
    assert command("merge", shards, "--allow-missing").returncode == 3
    names = [row["file"] for row in rows(shards / "files.csv")]
    assert names == [row["file"] for row in rows(shards / "shards" / f"2-of-{N}" / "files.csv")]
    assert json.loads((shards / "run.json").read_text())["missing"] == ["1/3", "3/3"]


def test_missing_shards_alone_are_exit_code_3(tmp_path):
    assert Summary(tmp_path, files=1, missing=1).exit_code == 3
    assert Summary(tmp_path, files=1).exit_code == 0


@pytest.mark.slow
def test_a_shard_done_again_follows_the_archive(archive, tmp_path):
    here = shutil.copytree(archive, tmp_path / "in", symlinks=True)
    for i in (1, 2):
        ser_batch.annotate_to(here, tmp_path / "out", shard=f"{i}/2")
    (here / "!.wav").unlink()
    shutil.copy(here / "meeting-2" / "pause.wav", here / "new.wav")
    for i in (1, 2):
        ser_batch.annotate_to(here, tmp_path / "out", shard=f"{i}/2")
    ser_batch.merge(tmp_path / "out")
    ser_batch.annotate_to(here, tmp_path / "one")
    assert tables(tmp_path / "out") == tables(tmp_path / "one")


def test_memory_does_not_grow_with_the_files(shards, tmp_path):
    def peak(copies):
        folder = shutil.copytree(shards, tmp_path / f"{copies}")
        for index in (folder / ".journal").glob("*.index"):
            lines = index.read_text().splitlines(keepends=True)
            index.write_text("".join(line * copies for line in lines))  # the same results, again and again
        gc.collect()  # else the peak depends on what earlier tests left to the collector
        tracemalloc.start()
        try:
            ser_batch.merge(folder)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # imports
    # 300 copies fill the buffers of the tables
    assert abs(peak(1500) - peak(300)) < 50_000


def test_shards_of_other_settings_are_refused(archive, shards, tmp_path):
    remove(shards, 2)
    ser_batch.annotate_to(archive, tmp_path / "other", hop=3.0, shard=f"2/{N}", jobs=1)
    with pytest.raises(SerBatchError, match=r"--hop is 1.5 in shard 1/3, 3.0 in 2/3"):
        ser_batch.merge([shards, tmp_path / "other"], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_an_archive_seen_at_another_place(archive, shards, whole, tmp_path):
    remove(shards, 2)
    elsewhere = shutil.copytree(archive, tmp_path / "mounted", symlinks=True)
    ser_batch.annotate_to(elsewhere, tmp_path / "other", shard=f"2/{N}", jobs=1)
    with pytest.raises(
        SerBatchError, match=r"the folder of the recordings is .*mounted in 2/3\): give --any-root"
    ):
        ser_batch.merge([shards, tmp_path / "other"], tmp_path / "joined")
    ser_batch.merge([shards, tmp_path / "other"], tmp_path / "joined", any_root=True)
    assert tables(tmp_path / "joined") == tables(whole)


def test_what_overlaps_is_refused(shards, tmp_path):
    with pytest.raises(SerBatchError, match=r"shard 1/3 is in .* and in .*: name one of them"):
        ser_batch.merge([shards, shutil.copytree(shards, tmp_path / "again")], tmp_path / "joined")
    other = OutputFolder(tmp_path / "other", Shard(1, 2))
    other.create()
    shutil.copytree(shards / "shards" / f"1-of-{N}", other.tables, dirs_exist_ok=True)
    other.journal.touch()
    other.index.touch()
    with pytest.raises(SerBatchError, match=r"shard 1/3 in .* and shard 1/2 in .* overlap"):
        ser_batch.merge([shards, tmp_path / "other"], tmp_path / "joined")
    with pytest.raises(SerBatchError, match="no complete shards in"):
        ser_batch.merge(tmp_path)


def test_a_journal_that_is_not_the_shard_s_is_refused(shards):
    hidden = shards / ".journal"
    for kind in ("journal", "index"):
        shutil.copy(hidden / f"shard-1-of-{N}.{kind}", hidden / f"shard-2-of-{N}.{kind}")
    with pytest.raises(
        SerBatchError, match=r"shard-2-of-3\.journal is damaged, or belongs to another shard than 2/3"
    ):
        ser_batch.merge(shards)
    assert not list(shards.glob("files.csv*"))


def test_a_damaged_journal_is_refused(shards):
    journal = shards / ".journal" / f"shard-1-of-{N}.journal"
    content = bytearray(journal.read_bytes())
    content[-10] ^= 1
    journal.write_bytes(content)
    with pytest.raises(SerBatchError, match="is damaged"):
        ser_batch.merge(shards)


@pytest.mark.slow
def test_shards_run_at_the_same_time(archive, whole, tmp_path):
    running = [
        subprocess.Popen(
            [*SER_BATCH, "annotate", archive, "-o", tmp_path, "--shard", f"{i}/{N}", "-q", "-j", "1"]
        )
        for i in range(1, N + 1)
    ]
    assert {each.wait(120) for each in running} <= {0, 1, 3}
    assert command("merge", tmp_path, "-q").returncode == 3
    assert tables(tmp_path) == tables(whole)


@pytest.mark.parametrize("shard", ["0/0", "3/2", "x", "auto"])
def test_a_shard_that_makes_no_sense_is_a_usage_error(archive, tmp_path, shard):
    clean = {name: value for name, value in os.environ.items() if "ARRAY" not in name}
    done = annotate(archive, "-o", tmp_path, "--shard", shard, env=clean)
    assert done.returncode == 2
    assert f"--shard {shard}: " in done.stderr


@pytest.mark.slow
def test_the_scripts_of_the_manual_on_a_real_slurm(archive, whole, tmp_path):
    if not shutil.which("sbatch") or subprocess.run(["sinfo"], capture_output=True).returncode:
        pytest.skip("needs a running Slurm")
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"

    def submit(name, *options):
        [script] = re.findall(
            rf"`{name}`:\n\n```bash\n(.*?)```", (ROOT / "docs" / "cluster.md").read_text(), re.S
        )
        script = script.replace("/data/recordings", str(archive)).replace("/data/annotations", str(out))
        (tmp_path / name).write_text(script)
        command = [
            "sbatch",
            "--parsable",
            "--chdir",
            tmp_path,
            "--cpus-per-task=1",
            "--mem=0",
            *options,
            name,
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PATH": path}
        )
        return done.stdout.strip()

    out = tmp_path / "out"
    array = submit("array.sh", "--array=0-6:2")
    submit("merge.sh", "--wait", f"--dependency=afterany:{array}")
    assert tables(out) == tables(whole), [log.read_text() for log in tmp_path.glob("*.log")]
