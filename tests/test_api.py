import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np
import pytest
import soundfile

import ser_batch
from tests.running import FAULTS, ROOT, children, end_of, wait_until
from tests.storage import web_server

pd = pytest.importorskip("pandas")

HEAVY = {"numpy", "click", "tensorflow", "pandas", "tqdm", "scipy", "soundfile", "librosa", "matplotlib"}


@pytest.fixture(scope="module")
def audio(tmp_path_factory, samples):
    """Speech, silence, and a file that is neither, in folders."""
    folder = tmp_path_factory.mktemp("audio")
    (folder / "a").mkdir()
    (folder / "a" / "introduction.flac").write_bytes((samples / "meeting" / "introduction.flac").read_bytes())
    (folder / "weather.ogg").write_bytes((samples / "radio" / "weather.ogg").read_bytes())
    soundfile.write(folder / "a" / "nothing.wav", np.zeros(8_000), 8_000)
    (folder / "broken.wav").write_text("dear diary")
    return folder


@pytest.fixture(scope="module")
def segments(audio):
    with pytest.warns(UserWarning, match="failed"):
        return ser_batch.annotate(audio)


@pytest.fixture(scope="module")
def annotator():
    return ser_batch.Annotator()


def read(path):
    """A table on disk as a frame."""
    frame = pd.read_csv(path)
    for name in {"start", "end"} & {*frame.columns}:
        frame[name] = pd.to_timedelta(frame[name], unit="s").dt.round("us")
    return frame.set_index([name for name in ("file", "start", "end") if name in frame.columns])


def assert_same(one, other):
    pd.testing.assert_frame_equal(
        one,
        other,
        check_index_type=False,
        check_column_type=False,
        check_categorical=False,
        check_dtype=False,
    )


def run_script(text, *arguments, **options):
    command = [sys.executable, *arguments, "-c", text]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_importing_is_light_and_says_what_there_is():
    done = run_script(
        "import sys, ser_batch; print({*sys.modules}); print(set(ser_batch.__all__) - {*dir(ser_batch)})"
    )
    modules, missing = done.stdout.splitlines()
    assert "ser_batch" in modules
    assert not [name for name in HEAVY if f"'{name}'" in modules]
    assert missing == "set()"
    assert all(getattr(ser_batch, name).__doc__ for name in ser_batch.__all__)
    assert files("ser_batch").joinpath("py.typed").is_file()


@pytest.mark.parametrize(
    ("level", "options"),
    [
        ("segments", {}),
        ("segments", {"top_k": 3, "min_confidence": 0.6, "merge_consecutive": True}),
        ("files", {"top_k": 2}),
    ],
)
@pytest.mark.filterwarnings("ignore:1 of 4 files failed")
def test_the_frame_is_the_table(audio, tmp_path, level, options):
    with_tables = ser_batch.annotate(audio, tmp_path / "out", level=level, jobs=1, **options)
    assert_same(with_tables, read(tmp_path / "out" / f"{level}.csv"))
    again = ser_batch.annotate(audio, tmp_path / "out", level=level, **options)
    pd.testing.assert_frame_equal(again, with_tables)
    assert again.attrs["counts"]["resumed"] == 4
    alone = ser_batch.annotate(audio, level=level, jobs=1, **options)
    pd.testing.assert_frame_equal(alone, with_tables)
    assert alone.attrs["root"] == with_tables.attrs["root"] == str(audio)
    measured = {"wall_seconds", "times_real_time", "worker_seconds"}
    assert {k: v for k, v in alone.attrs.items() if k not in measured} == {
        k: v for k, v in with_tables.attrs.items() if k not in measured
    }


def test_types_are_what_pandas_can_work_with(segments):
    assert list(segments.label.cat.categories) == ser_batch.load_model("crema-d").labels
    silent = segments.loc["a/nothing.wav"].iloc[0]
    assert pd.isna(silent.label) and np.isnan(silent.confidence) and silent.status == "silent"
    heard = segments[segments.status == "ok"]
    probabilities = heard.filter(like="p_")
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.idxmax(axis=1) == "p_" + heard.label.astype(str)).all()
    assert (heard.confidence == probabilities.max(axis=1)).all()


def test_failures_are_not_passed_over(audio, segments, tmp_path):
    assert json.loads(json.dumps(segments.attrs)) == segments.attrs
    (failure,) = segments.attrs["failures"]
    assert (failure["file"], failure["stage"]) == ("broken.wav", "decode")
    assert segments.attrs["counts"] == {
        "files": 3, "segments": len(segments), "silent": 1, "no_speech": 0, "uncertain": 0, "failed": 1, "resumed": 0,
        "channels_cancel": 0,
    }  # fmt: skip
    with pytest.warns(UserWarning, match=r"1 of 1 files failed.*broken.wav: decode: ") as caught:
        nothing = ser_batch.annotate(audio / "broken.wav")
    assert caught[0].filename == __file__
    assert nothing.empty and list(nothing.columns) == list(segments.columns)
    assert nothing.index.names == segments.index.names
    many = [audio / "broken.wav", *sorted((ROOT / "samples").rglob("*.wav"))]
    with pytest.raises(ser_batch.SerBatchError, match="stopped: 1 failed"):
        ser_batch.annotate(many, jobs=1, fail_fast=True)


def test_a_file_name_may_be_any_bytes(samples, tmp_path):
    name = os.fsdecode(b"caf\xe9.flac")
    (tmp_path / name).symlink_to(samples / "meeting" / "introduction.flac")
    assert ser_batch.annotate(tmp_path).index[0][0] == r"caf\udce9.flac"


def test_audformat_takes_the_frames(segments, audio, tmp_path):
    audformat = pytest.importorskip("audformat")
    audformat.assert_index(segments.index)
    expected = audformat.segmented_index(["a.wav"], [0], [1])
    assert segments.index.dtypes.equals(expected.dtypes)
    db = audformat.Database("annotations")
    db.schemes["emotion"] = audformat.Scheme(labels=list(segments.label.cat.categories))
    db["segments"] = audformat.Table(segments.index)
    db["segments"]["label"] = audformat.Column(scheme_id="emotion")
    db["segments"]["confidence"] = audformat.Column()
    db["segments"].set(segments[["label", "confidence"]])
    db.save(tmp_path)
    loaded = audformat.Database.load(tmp_path)["segments"].get()
    pd.testing.assert_index_equal(loaded.index, segments.index)
    assert loaded.label.astype("string").equals(segments.label.astype("string"))
    with pytest.warns(UserWarning):
        whole = ser_batch.annotate(audio, level="files")
    audformat.assert_index(whole.index)


def test_paths_come_in_many_forms(samples, segments):
    path = samples / "meeting" / "introduction.flac"
    expected = segments.loc[["a/introduction.flac"]]
    table = pd.DataFrame({"path": [str(path), str(path)]})
    for paths in (str(path), (each for each in [path]), table["path"]):
        frame = ser_batch.annotate(paths, jobs=1)
        assert set(frame.index.get_level_values("file")) == {"introduction.flac"}
        assert frame.to_numpy().tolist() == expected.to_numpy().tolist()
    named = ser_batch.annotate(table["path"], level="files", absolute=True)
    assert table.join(named, on="path").n_segments.tolist() == [len(expected)] * 2


def test_urls_and_files_alike(samples, annotator, segments):
    pytest.importorskip("aiohttp")
    expected = segments.loc["weather.ogg"]
    assert_same(annotator.file(samples / "radio" / "weather.ogg").droplevel("file"), expected)
    with web_server(samples) as address:
        url = f"{address}/radio/weather.ogg"
        assert_same(ser_batch.annotate(url, jobs=1).loc["weather.ogg"], expected)
        assert annotator.file(url).equals(annotator.file(url))
        assert_same(annotator.file(url).loc[url], expected)


def test_without_an_output_nothing_is_written(audio, tmp_path):
    code = f"import warnings, ser_batch; warnings.simplefilter('ignore'); ser_batch.annotate({str(audio)!r})"
    home = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    before = sorted(audio.rglob("*"))
    done = run_script(code, cwd=tmp_path, env={**os.environ, **home})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
    assert sorted(audio.rglob("*")) == before


def test_a_script_needs_no_guard_and_runs_once(audio, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import ser_batch\n"
        "print('once')\n"
        f"print(len(ser_batch.annotate({str(audio / 'weather.ogg')!r}, progress=True)), __file__)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"once\n2 {script}\n", done.stderr
    assert "files=1" in done.stderr


def test_ctrl_c_is_told(samples, tmp_path):
    for k in range(40):
        shutil.copy(samples / "meeting" / "introduction.flac", tmp_path / f"slow-{k}.flac")
    code = f"import ser_batch; ser_batch.annotate({str(tmp_path)!r}, jobs=1)"
    running = subprocess.Popen(
        [sys.executable, "-c", code], env=FAULTS, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_until(lambda: len(children(running.pid)) > 1)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    code, said = end_of(running)
    assert code == -signal.SIGINT
    assert said.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "words"}, "level 'words': unknown"),
        ({"formats": ["json"], "restart": True}, "formats, restart: only with a folder"),
        ({"model": "nobody"}, "nobody: no such model"),
        ({"hop": 4.0}, "a hop of 4.0 s"),
        ({"include": ["*.xyz"]}, "no audio files"),
    ],
)
def test_what_makes_no_sense_is_said(samples, arguments, message):
    with pytest.raises(ser_batch.SerBatchError, match=message):
        ser_batch.annotate(samples, **arguments)


def test_another_denoise_than_the_model_s_is_warned_of(audio):
    with pytest.warns(UserWarning, match="was trained with denoise"):
        model = ser_batch.load_model("crema-d")
        ser_batch.Annotator(denoise="gate" if model.denoise == "off" else "off")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("diary/pause.wav", "int16"),
        ("diary/pause.wav", "float64"),
        ("meeting/introduction.flac", "int32"),
        ("radio/weather.ogg", "float32"),
    ],
)
def test_an_array_gets_the_numbers_of_its_file(samples, annotator, name, dtype):
    array, rate = soundfile.read(samples / name, dtype=dtype, always_2d=True)
    expected = annotator.file(samples / name).droplevel("file")
    pd.testing.assert_frame_equal(ser_batch.annotate(samples / name, jobs=1).droplevel("file"), expected)
    for each in (array, array.T):
        pd.testing.assert_frame_equal(annotator.segments(each, rate), expected)


def test_threads_may_share_an_annotator(annotator, rng):
    arrays = [rng.normal(0, 0.1 * k, 16_000 * k) for k in range(1, 7)]
    alone = [annotator.segments(array, 16_000) for array in arrays]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda array: annotator.segments(array, 16_000), arrays * 3))
    for one, other in zip(alone * 3, together, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_annotate_may_run_in_a_thread(audio):
    with ThreadPoolExecutor(1) as pool:
        assert len(pool.submit(ser_batch.annotate, audio / "weather.ogg").result()) == 2


def test_what_an_annotator_cannot_read_is_an_error(annotator, audio):
    with pytest.raises(ser_batch.SerBatchError, match=r"/broken.wav: decode: .*not audio"):
        annotator.file(audio / "broken.wav")
    with pytest.raises(ser_batch.SerBatchError, match="not finite"):
        annotator.segments([0.0, np.nan], 16_000)
    assert annotator.segments(np.zeros(10), 16_000).status.tolist() == ["silent"]


def test_annotate_to_writes_a_folder_alone(samples, tmp_path, capfd):
    summary = ser_batch.annotate_to(samples / "diary", tmp_path / "out", formats=["json"], jobs=1)
    assert (summary.exit_code, summary.files) == (0, 2)
    assert (tmp_path / "out" / "annotations.json").exists()
    assert not (tmp_path / "out" / "files.csv").exists()
    assert capfd.readouterr() == ("", "")


def test_version_is_the_package_s():
    from importlib.metadata import version

    assert ser_batch.__version__ == version("ser-batch")
