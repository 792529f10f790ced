import json
import os
import shutil
import subprocess
import sys
import wave

import numpy as np
import pandas
import pytest
import soundfile

import ser_batch
from tests.running import annotate, rows, tables


@pytest.fixture(scope="module")
def annotated(samples, tmp_path_factory):
    """The samples, annotated in two formats by the command."""
    folder = tmp_path_factory.mktemp("annotated")
    done = annotate(samples, "-o", folder, "-f", "csv", "-f", "json")
    assert done.returncode == 0, done.stderr
    return folder


def audio_files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.suffix not in {".py", ".md", ""}}


def test_every_sample_is_in_the_tables(annotated, samples):
    files = rows(annotated / "files.csv")
    assert {row["file"] for row in files} == audio_files(samples)
    assert [row["file"] for row in files] == sorted(row["file"] for row in files)
    assert rows(annotated / "failures.csv") == []


def test_durations_are_those_of_the_decoded_audio(annotated, samples):
    for row in rows(annotated / "files.csv"):
        with soundfile.SoundFile(samples / row["file"]) as sound:
            assert float(row["duration"]) == pytest.approx(len(sound.read()) / sound.samplerate, abs=1e-6)


def test_segments_cover_each_file_to_its_end(annotated):
    segments = pandas.read_csv(annotated / "segments.csv")
    files = pandas.read_csv(annotated / "files.csv").set_index("file")
    for file, group in segments.groupby("file"):
        starts, ends = group["start"].to_numpy(), group["end"].to_numpy()
        assert len(group) == files.loc[file, "n_segments"]
        np.testing.assert_allclose(starts, np.arange(len(group)) * 1.5, atol=1e-4)
        assert (starts[1:] <= ends[:-1]).all()
        assert ends[-1] == files.loc[file, "duration"]


def test_probabilities_sum_to_one_and_confidence_is_the_largest(annotated):
    for name in ("files.csv", "segments.csv"):
        table = pandas.read_csv(annotated / name)
        heard = table[table["status"] == "ok"]
        probabilities = heard[[c for c in table.columns if c.startswith("p_")]]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
        np.testing.assert_allclose(probabilities.max(axis=1), heard["confidence"])
        assert (probabilities.idxmax(axis=1) == "p_" + heard["label"]).all()


def test_json_says_the_same_as_csv(annotated):
    document = json.loads((annotated / "annotations.json").read_text())
    files = rows(annotated / "files.csv")
    assert [file["file"] for file in document["files"]] == [row["file"] for row in files]
    for file, row in zip(document["files"], files, strict=True):
        assert (file["label"] or "") == row["label"]
        assert len(file["segments"]) == int(row["n_segments"])


def test_run_json_tells_what_was_done(annotated, samples):
    run = json.loads((annotated / "run.json").read_text())
    assert run["counts"]["files"] == len(audio_files(samples))
    assert len(run["model"]["sha256"]) == 64
    assert run["audio_seconds"] == pytest.approx(
        sum(float(r["duration"]) for r in rows(annotated / "files.csv")), abs=0.01
    )
    assert run["exit_code"] == 0
    assert run["front_end"]["n_fft"] == 1024


def test_tables_do_not_depend_on_the_number_of_jobs(annotated, samples, tmp_path):
    for jobs in (1, 3):
        assert annotate(samples, "-o", tmp_path / str(jobs), "-j", jobs).returncode == 0
        assert tables(tmp_path / str(jobs)) == tables(annotated)


def test_the_same_command_again_reads_nothing_and_changes_nothing(annotated, samples, tmp_path):
    shutil.copytree(annotated, tmp_path / "out")
    done = annotate(samples, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert f"{len(audio_files(samples))} done before" in done.stderr
    assert tables(tmp_path / "out") == tables(annotated)


def test_other_options_are_refused_until_restart(annotated, samples, tmp_path):
    shutil.copytree(annotated, tmp_path / "out")
    refused = annotate(samples, "-o", tmp_path / "out", "--hop", "3")
    assert refused.returncode == 1
    assert "hop was 1.5, is now 3.0" in refused.stderr
    assert tables(tmp_path / "out") == tables(annotated)
    assert annotate(samples, "-o", tmp_path / "out", "--hop", "3", "--restart").returncode == 0
    assert len(rows(tmp_path / "out" / "segments.csv")) < len(rows(annotated / "segments.csv"))


def write_wav(path, seconds=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        noise = np.random.default_rng(0).normal(0, 3_000, int(16_000 * seconds)).astype("<i2")
        file.writeframes(noise.tobytes())


def test_bad_files_are_failures_and_good_ones_are_done(tmp_path):
    audio = tmp_path / "in"
    write_wav(audio / "good.wav")
    write_wav(audio / "sub dir" / "GOOD, too.WAV")
    (audio / "text.wav").write_text("dear diary")
    (audio / "empty.wav").touch()
    (audio / "pointer.flac").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n")
    soundfile.write(audio / "cut.flac", np.random.default_rng(0).normal(0, 0.1, 48_000), 16_000)
    (audio / "cut.flac").write_bytes((audio / "cut.flac").read_bytes()[:20_000])
    (audio / "phone.m4a").write_bytes(b"\0\0\0\x18ftypM4A ")
    done = annotate(audio, audio / "missing.wav", "-o", tmp_path / "out")
    assert done.returncode == 3
    assert [row["file"] for row in rows(tmp_path / "out" / "files.csv")] == [
        "good.wav",
        "sub dir/GOOD, too.WAV",
    ]
    failures = {row["file"]: row for row in rows(tmp_path / "out" / "failures.csv")}
    assert failures.keys() == {
        "text.wav",
        "empty.wav",
        "pointer.flac",
        "cut.flac",
        "missing.wav",
        "phone.m4a",
    }
    assert "git lfs pull" in failures["pointer.flac"]["message"]
    assert "truncated" in failures["cut.flac"]["message"]
    assert "0 bytes" in failures["empty.wav"]["message"]
    assert failures["missing.wav"]["stage"] == "find"
    assert "6 failed" in done.stderr


def test_silence_has_no_label(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(80_000), 16_000)
    soundfile.write(tmp_path / "offset.wav", np.full(80_000, 0.3), 16_000)
    assert annotate(tmp_path, "-o", tmp_path / "out").returncode == 0
    for row in rows(tmp_path / "out" / "files.csv"):
        assert (row["status"], row["label"], row["confidence"], row["p_sad"]) == ("silent", "", "", "")


def test_the_input_s_level_changes_no_label(samples, tmp_path):
    audio, rate = soundfile.read(samples / "meeting" / "introduction.flac")
    for gain in (0.05, 1.0):
        soundfile.write(tmp_path / f"{gain}.wav", audio * gain, rate, subtype="FLOAT")
    assert annotate(tmp_path, "-o", tmp_path / "out").returncode == 0
    quiet, loud = rows(tmp_path / "out" / "files.csv")
    for column in [c for c in quiet if c.startswith("p_")]:
        assert float(quiet[column]) == pytest.approx(float(loud[column]), abs=2e-3)


def test_all_failed_is_exit_code_1(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_text("dear diary")
    assert annotate(tmp_path / "in", "-o", tmp_path / "out").returncode == 1
    assert len(rows(tmp_path / "out" / "failures.csv")) == 1
    assert rows(tmp_path / "out" / "files.csv") == []


def test_a_path_that_does_not_exist(tmp_path):
    done = annotate(tmp_path / "nowhere", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "no such file" in (tmp_path / "out" / "failures.csv").read_text()


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["{empty}"], 1, "no audio files in"),
    ([], 2, "name at least one file"),
    (["{samples}", "--model", "nonsense"], 2, "crema-d"),
    (["{samples}", "--window", "9"], 2, "window of 9.0 s"),
    (["{samples}", "--hop", "4"], 2, "hop of 4.0 s"),
    (["{samples}", "-o", "/proc/nowhere"], 1, "cannot write to /proc/nowhere"),
    (["{samples}", "--windoww", "2"], 2, "--window"),
], ids=["empty folder", "no path", "model", "window", "hop", "output", "typo"])  # fmt: skip
def test_what_cannot_be_done_is_said_without_a_traceback(tmp_path, samples, arguments, code, said):
    (tmp_path / "empty").mkdir()
    filled = [a.format(empty=tmp_path / "empty", samples=samples) for a in arguments]
    done = annotate(*(filled if "-o" in filled else [*filled, "-o", tmp_path / "out"]))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_paths_from_stdin_and_from_a_manifest(samples, tmp_path):
    listed = f"{samples / 'diary'}\n\n{samples / 'meeting' / 'introduction.flac'}\n"
    assert annotate("-", "-o", tmp_path / "a", input=listed).returncode == 0
    (tmp_path / "list.csv").write_text(
        f"file\n{samples / 'diary'}\n{samples / 'meeting' / 'introduction.flac'}\n"
    )
    assert annotate("--manifest", tmp_path / "list.csv", "-o", tmp_path / "b").returncode == 0
    assert tables(tmp_path / "a") == tables(tmp_path / "b")
    assert "meeting/introduction.flac" in (tmp_path / "a" / "files.csv").read_text()


def test_include_exclude_and_absolute(samples, tmp_path):
    done = annotate(samples, "-o", tmp_path / "out", "--include", "*.wav", "--exclude", "phone", "--absolute")
    assert done.returncode == 0
    found = [row["file"] for row in rows(tmp_path / "out" / "files.csv")]
    assert found == [str(samples / "diary" / "pause.wav")]


def test_quiet_says_nothing(samples, tmp_path):
    done = annotate(samples / "diary", "-o", tmp_path / "out", "-q")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_real_corpora(corpora, tmp_path):
    folders = [corpora / name for name in ("ravdess", "ravdess_native", "librispeech")]
    done = annotate(*folders, "-o", tmp_path / "out")
    assert done.returncode == 0
    audio = [path for folder in folders for path in folder.iterdir() if path.suffix in {".wav", ".flac"}]
    found = {row["file"] for row in rows(tmp_path / "out" / "files.csv")}
    assert found == {str(path.relative_to(corpora)) for path in audio}


def test_denoising_against_the_card_is_recorded_and_changes_results(annotated, samples, tmp_path):
    card = json.loads((annotated / "run.json").read_text())["model"]["denoise"]
    done = annotate(
        samples / "diary", "-o", tmp_path / "out", "--no-denoise" if card != "off" else "--denoise"
    )
    assert done.returncode == 0
    assert "trained" in done.stderr
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["options"]["denoise"] != card


def test_help_is_quick_to_import():
    heavy = ["numpy", "scipy", "soundfile", "tensorflow", "pandas", "rich", "tqdm", "librosa"]
    code = (
        "import sys, ser_batch.cli; ser_batch.cli.main(['--help'], standalone_mode=False);"
        f"print(set({heavy}) & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_a_profile_shares_the_workers_time_among_the_stages(samples, tmp_path):
    done = annotate(samples / "meeting", "-o", tmp_path / "out", "--profile", "--denoise", "-q")
    table = [line.split() for line in done.stderr.splitlines() if "%" in line]
    assert [line[0] for line in table] == [
        "waiting",
        "decode",
        "denoise",
        "features",
        "voice",
        "network",
        "other",
    ]
    assert sum(float(line[1].rstrip("%")) for line in table) == pytest.approx(100, abs=0.3)
    spent = json.loads((tmp_path / "out" / "run.json").read_text())["worker_seconds"]
    assert all(spent[stage] > 0 for stage in ("decode", "denoise", "features", "network"))
    again = annotate(samples / "meeting", "-o", tmp_path / "out", "--profile", "--denoise", "-q")
    assert "nothing was annotated" in again.stderr


@pytest.mark.slow
def test_files_that_are_passed_over_are_counted_in_every_kind_of_run(samples, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(samples / "diary", folder)
    for name in ("film.xyz", "more.XYZ", "notes.txt", "._pause.wav"):
        (folder / name).write_bytes(bytes.fromhex("00051607"))
    line = "4 files passed over: .xyz (2), "
    done = annotate(folder, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert line in done.stderr
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["passed_over"] == {".xyz": 2, ".txt": 1, "._* of macOS": 1}
    assert line in annotate(folder, "-o", "-").stderr
    assert line in annotate(folder, "-o", tmp_path / "none", "--dry-run").stderr
    for part in ("1/2", "2/2"):
        annotate(folder, "-o", tmp_path / "parts", "--shard", part)
    merged = ser_batch.merge(tmp_path / "parts")
    assert merged.passed_over == run["passed_over"]
    events = annotate(folder, "-o", tmp_path / "out", "--log-json").stderr.splitlines()
    assert json.loads(events[-1])["passed_over"] == run["passed_over"]
