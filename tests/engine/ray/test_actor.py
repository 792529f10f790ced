"""The Ray actor, without a cluster."""

import json
import os
from dataclasses import replace

import pytest

import ser_batch
from ser_batch.engine.job import Options
from ser_batch.engine.worker import Worker
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.inputs.sources import Source
from ser_batch.runs.progress import Progress
from ser_batch.runs.run import run
from tests.running import annotate

pytest.importorskip("ray", reason="needs Ray: pip install 'ser-batch[ray]'")


@pytest.fixture(scope="module")
def files(settings):
    from ser_batch.engine.ray.actor import network_files

    return network_files(settings)


def node_worker(files, settings, version=ser_batch.__version__):
    from ser_batch.engine.ray.actor import AnnotationActor

    return AnnotationActor(files, settings, 60.0, version)


def test_the_files_are_those_of_the_model_and_of_the_voice_detector(files, settings):
    from ser_batch.engine.ray.actor import network_files

    assert {name.split("/")[0] for name in files} == {"model", "voice"}
    without = network_files(replace(settings, min_speech=None))
    assert {name.split("/")[0] for name in without} == {"model"}


def test_bytes_give_the_annotation_of_the_file(files, settings, samples, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = samples / "meeting" / "introduction.flac"
    here, sent = Source(str(path), path.stat().st_size, 0), Source("elsewhere/introduction.flac", 0, 0)
    content = path.read_bytes()
    actor = node_worker(files, settings)
    try:
        found = dict(actor.annotate([here, sent, here], {1: [content[:1_000], content[1_000:]]}))
        expected = Worker(settings).annotate(str(path)).record()
        assert {k: outcome.record() for k, outcome in found.items()} == dict.fromkeys(range(3), expected)
    finally:
        actor.close()
    assert not any(tmp_path.iterdir())


def test_an_actor_deletes_the_folders_of_killed_actors(files, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "ser-batch-actor-left"
    left.mkdir()
    (left / "model.tflite").write_bytes(b"-")
    os.utime(left, (0, 0))
    living = node_worker(files, settings)
    [folder] = tmp_path.iterdir()
    os.utime(folder, (0, 0))
    try:
        node_worker(files, settings).close()
        assert list(tmp_path.iterdir()) == [folder]
    finally:
        living.close()


def test_a_stopped_actor_annotates_nothing(files, settings, samples):
    actor = node_worker(files, settings)
    try:
        actor.stop()
        assert actor.annotate([Source(str(samples / "meeting" / "introduction.flac"), 0, 0)], {}) == []
    finally:
        actor.close()


def test_a_damaged_model_is_refused(files, settings):
    damaged = {**files, "model/model.tflite": files["model/model.tflite"][:-1] + b"?"}
    with pytest.raises(SerBatchError, match="SHA-256"):
        node_worker(damaged, settings)


def test_another_version_is_refused(files, settings):
    with pytest.raises(SerBatchError, match=r"has ser-batch .*, not 0\.0\.1: install the same"):
        node_worker(files, settings, version="0.0.1")


def test_a_path_is_not_an_address(samples, tmp_path):
    refused = annotate("--ray", samples, "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert "put --ray behind the paths" in refused.stderr


@pytest.mark.parametrize("text", ["{", json.dumps(["pip"]), "nowhere.json"])
def test_an_invalid_runtime_environment_is_refused(samples, tmp_path, text):
    options = Options(ray="127.0.0.1:9", ray_runtime_env=text)
    with pytest.raises(UsageError, match="--ray-runtime-env"):
        run([str(samples)], tmp_path / "out", options, Progress())
