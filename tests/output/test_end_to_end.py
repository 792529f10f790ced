"""The command with every format, other formats from the same journal, and rows on stdout."""

import json
import shutil
import subprocess
import threading

import audformat
import pandas as pd
import pytest

from ser_batch.output.formats import FORMATS
from tests.output.rows import contents
from tests.running import SER_BATCH, annotate, ser_batch, started

ALL = [word for name in FORMATS for word in ("-f", name)]
TREES = {"textgrid": ".TextGrid", "elan": ".eaf", "audacity": ".txt", "webvtt": ".vtt", "srt": ".srt"}


def tables(folder):
    """All that formats have written into an output folder."""
    hidden = (".journal/", "run.json")
    return {name: content for name, content in contents(folder).items() if not name.startswith(hidden)}


@pytest.fixture(scope="module")
def annotated(samples, tmp_path_factory):
    """The samples in every format."""
    out = tmp_path_factory.mktemp("every format")
    done = annotate(samples, "-o", out, "-j", 1, *ALL)
    assert done.returncode == 0, done.stderr
    return out


def test_every_format_has_every_file(annotated):
    files = pd.read_csv(annotated / "files.csv")
    for folder, suffix in TREES.items():
        names = {
            p.relative_to(annotated / folder).as_posix() for p in (annotated / folder).rglob(f"*{suffix}")
        }
        assert names == {name + suffix for name in files["file"]}
    pd.testing.assert_frame_equal(pd.read_csv(annotated / "files.tsv", sep="\t"), files)
    pd.testing.assert_frame_equal(pd.read_parquet(annotated / "files.parquet"), files)
    segments = pd.read_json(annotated / "segments.jsonl", lines=True)
    pd.testing.assert_frame_equal(segments, pd.read_csv(annotated / "segments.csv"))
    db = audformat.Database.load(str(annotated / "audformat"))
    assert list(db["files"].files) == files["file"].tolist()
    turns = (annotated / "annotations.rttm").read_text().splitlines()
    assert len(turns) == (segments["status"] == "ok").sum()


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_jobs(annotated, samples, tmp_path):
    assert annotate(samples, "-o", tmp_path, "-j", 3, *ALL).returncode == 0
    assert tables(tmp_path) == tables(annotated)


def test_other_formats_come_from_the_same_journal(annotated, samples, tmp_path):
    shutil.copytree(annotated / ".journal", tmp_path / ".journal")
    journal = (tmp_path / ".journal" / "run.journal").read_bytes()
    for names in (FORMATS[:5], FORMATS[5:]):
        formats = [word for name in names for word in ("-f", name)]
        assert annotate(samples, "-o", tmp_path, *formats).returncode == 0
        assert json.loads((tmp_path / "run.json").read_text())["new_audio_seconds"] == 0
    assert tables(tmp_path) == tables(annotated)
    assert (tmp_path / ".journal" / "run.journal").read_bytes() == journal


def test_options_that_only_show_come_from_the_same_journal(annotated, samples, tmp_path):
    shutil.copytree(annotated / ".journal", tmp_path / ".journal")
    done = annotate(samples, "-o", tmp_path, "--merge-consecutive", "--min-confidence", 0.6, "--top-k", 2)
    assert done.returncode == 0
    counts = json.loads((tmp_path / "run.json").read_text())["counts"]
    before, files = (pd.read_csv(folder / "files.csv") for folder in (annotated, tmp_path))
    assert counts["uncertain"] == (before["confidence"] < 0.6).sum() > 0
    assert f"{counts['uncertain']} uncertain" in done.stderr
    assert files.columns[-2:].tolist() == ["label_2", "confidence_2"]
    uncertain = files["status"] == "uncertain"
    assert (uncertain == (files["confidence"] < 0.6)).all()
    assert files["label"].isna().equals(uncertain)
    shares = [column for column in before if column.startswith("p_")]
    pd.testing.assert_frame_equal(files[shares], before[shares])
    assert (files["confidence_2"] <= files["confidence"]).all()
    segments = pd.read_csv(tmp_path / "segments.csv")
    assert counts["segments"] == len(segments) < len(pd.read_csv(annotated / "segments.csv"))
    assert files["n_segments"].sum() == len(segments)
    heard = segments["label"].fillna(segments["status"])
    assert not ((heard == heard.shift()) & (segments["file"] == segments["file"].shift())).any()


def test_an_unknown_format_is_refused_before_the_work(samples, tmp_path):
    done = annotate(samples, "-o", tmp_path / "out", "-f", "xlsx")
    assert done.returncode == 2
    assert "textgrid" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_file_that_is_gone_leaves_no_orphan(samples, tmp_path):
    shutil.copytree(samples / "diary", tmp_path / "in")
    assert annotate(tmp_path / "in", "-o", tmp_path / "out", *ALL).returncode == 0
    (tmp_path / "out" / "textgrid" / "notes.txt").write_text("mine")
    (tmp_path / "in" / "pause.wav").unlink()
    assert annotate(tmp_path / "in", "-o", tmp_path / "out", *ALL).returncode == 0
    names = {name for name in tables(tmp_path / "out") if "/" in name and not name.startswith("audformat")}
    assert names == {f"{folder}/evening.aiff{suffix}" for folder, suffix in TREES.items()} | {
        "textgrid/notes.txt"
    }


@pytest.mark.slow
def test_names_that_meet_in_one_place(samples, tmp_path):
    """Two suffixes of one name, `..` and `//` in the arguments, absolute names, a name in Latin-1."""
    source = samples / "diary" / "pause.wav"
    for name in ("a.wav", "a.WAV", "sub/a.wav", "caf\udce9.wav"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / "in" / name)
    arguments = [
        f"{tmp_path}/in/sub/../a.wav",
        f"{tmp_path}//in//a.WAV",
        tmp_path / "in" / "sub",
        tmp_path / "in",
    ]
    assert annotate(*arguments, "-o", tmp_path / "out", "-f", "textgrid", "--absolute").returncode == 0
    tree = tmp_path / "out" / "textgrid" / str(tmp_path / "in").lstrip("/")
    found = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.TextGrid"))
    assert found == ["a.WAV.TextGrid", "a.wav.TextGrid", "caf\\udce9.wav.TextGrid", "sub/a.wav.TextGrid"]


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_rows_on_stdout_are_those_of_the_tables(annotated, samples, tmp_path):
    done = annotate(samples, "-o", "-", cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])
    assert done.stderr == "Warning: 2 files passed over: .md (1), .py (1)\n"
    rows = lines(done.stdout)
    for kind, name in (("file", "files"), ("segment", "segments")):
        wanted = lines((annotated / f"{name}.jsonl").read_text())
        found = [{k: v for k, v in row.items() if k != "type"} for row in rows if row["type"] == kind]
        found.sort(key=lambda row: (row["file"], row.get("start")))
        assert found == [{**row, "file": f"{samples}/{row['file']}"} for row in wanted]
    last = {}
    for row in rows:  # a file's own row says that its segments are complete
        assert last.get(row["file"]) != "file"
        last[row["file"]] = row["type"]
    assert set(last.values()) == {"file"}


def test_a_pipeline(samples, tmp_path):
    if not shutil.which("jq"):
        pytest.skip("needs jq: apt-get install jq")
    command = """
        set -o pipefail
        find . -type f ! -name '*.py' | "$@" annotate - --min-confidence 0.5 -o - |
        jq -r 'select(.type != "segment") | .error // .status' | sort | uniq -c
    """
    done = subprocess.run(
        ["bash", "-c", command, "bash", *SER_BATCH], cwd=samples, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 3  # README.md is no audio
    counts = {status: int(count) for count, status in map(str.split, done.stdout.splitlines())}
    assert counts.keys() == {"DecodeError", "ok", "uncertain"}
    assert counts["DecodeError"] == 1
    assert counts["ok"] + counts["uncertain"] == 10


def test_a_closed_pipe_ends_it_quietly(samples, tmp_path):
    command = ["bash", "-c", '"$@" | head -1; echo ${PIPESTATUS[0]}', "bash"]
    done = subprocess.run(
        [*command, *SER_BATCH, "annotate", samples, "-o", "-"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    first, code = done.stdout.splitlines()
    assert json.loads(first)["type"] == "segment"
    assert (code, done.stderr) == ("0", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_rows_come_while_paths_still_do(samples, tmp_path):
    for k in range(40):
        shutil.copy(samples / "diary" / "pause.wav", tmp_path / f"{k:02}.wav")
    running = started("-", "-o", "-", "-j", 1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    hurry = threading.Timer(60, running.kill)
    hurry.start()
    try:
        running.stdin.write("".join(f"{tmp_path}/{k:02}.wav\n" for k in range(40)))
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["file"] == f"{tmp_path}/00.wav"
        running.stdin.close()
        assert sum(json.loads(line)["type"] == "file" for line in running.stdout) == 40
        assert running.wait() == 0
    finally:
        hurry.cancel()
        running.kill()
        running.wait()
        running.stdout.close()
        running.stderr.close()


@pytest.mark.slow
def test_too_many_failures_end_the_stream(tmp_path):
    (tmp_path / "a.wav").write_text("dear diary")
    done = annotate(tmp_path, "-o", "-", "--fail-fast")
    assert done.returncode == 1
    assert [row["type"] for row in lines(done.stdout)] == ["failure"]
    assert "1 failed" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["-f", "parquet"], 2, "need a folder"),
    (["--shard", "1/2"], 2, "needs a folder"),
    (["--exclude", "*"], 1, "no audio files"),
])  # fmt: skip
def test_what_makes_no_stream(samples, arguments, code, said):
    done = annotate(samples, "-o", "-", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


@pytest.mark.slow
def test_a_full_disk_behind_stdout_is_said(samples):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SER_BATCH, "annotate", str(samples), "-o", "-"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr and "Traceback" not in done.stderr


def test_help_names_every_format():
    help_text = ser_batch("annotate", "--help").stdout
    assert all(name in help_text for name in FORMATS)
