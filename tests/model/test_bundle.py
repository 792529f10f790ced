import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from ser_batch.audio.front_end import FRONT_END
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.bundle import bundled, load_bundle
from ser_batch.model.runtime import Network, softmax


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle.path, tmp_path / "copy")


def edit_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


def test_a_directory_is_loaded(bundle):
    loaded = load_bundle(str(bundle.path))
    assert loaded == bundle
    assert loaded.denoise == "off"
    assert loaded.temperature > 0
    assert len(loaded.sha256) == 64


def test_an_altered_network_is_refused(copy):
    network = copy / "model.tflite"
    content = bytearray(network.read_bytes())
    content[-100] ^= 1
    network.write_bytes(content)
    with pytest.raises(SerBatchError, match="SHA-256 differs"):
        load_bundle(copy)


def test_a_bundle_for_another_front_end_is_refused(copy):
    edit_card(copy, front_end={"hop": 160})
    with pytest.raises(SerBatchError, match="another front end"):
        load_bundle(copy)


def test_a_card_of_another_schema_is_refused(copy):
    edit_card(copy, schema_version=1)
    with pytest.raises(SerBatchError, match="schema version 2"):
        load_bundle(copy)


def test_a_card_says_what_the_network_takes(bundle, copy):
    assert bundle.features == "mfcc"
    edit_card(copy, front_end={**FRONT_END, "features": "logmel"})
    assert load_bundle(copy).features == "logmel"
    edit_card(copy, front_end={**FRONT_END, "features": "waveform"})
    with pytest.raises(SerBatchError, match="another front end"):
        load_bundle(copy)


@pytest.mark.parametrize("name", ["card.json", "model.tflite"])
def test_an_incomplete_bundle_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(SerBatchError, match=f"no {name} in it"):
        load_bundle(copy)


def test_a_card_that_is_no_json_is_refused(copy):
    (copy / "card.json").write_text("{")
    with pytest.raises(SerBatchError, match="cannot be read as a model"):
        load_bundle(copy)


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match=r"nonsuch: no such model.*directory"):
        load_bundle("nonsuch")


def test_every_bundled_model_is_whole():
    for bundle in bundled():
        network = Network(load_bundle(bundle.name).network_path)
        assert network(np.zeros((188, 128), np.float32)).shape == (len(bundle.labels),)


def test_the_runtime_is_quiet_and_imports_neither_tensorflow_nor_keras(bundle):
    code = (
        "import sys, numpy as np\n"
        "from ser_batch.model.bundle import load_bundle\n"
        "from ser_batch.model.runtime import Network\n"
        f"bundle = load_bundle({str(bundle.path)!r})\n"
        "Network(bundle.network_path)(np.zeros((188, 128), np.float32))\n"
        "heavy = {'tensorflow', 'keras', 'librosa', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy and 'ai_edge_litert' in sys.modules else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_runtime_answers_each_clip_alike_whatever_came_before(bundle, table):
    network = Network(bundle.network_path)
    first, second = table.log_mel(np.array([0, 50]))
    alone = network(first).copy()
    network(second)
    np.testing.assert_array_equal(network(first), alone)


def test_softmax_sums_to_one_and_survives_large_logits():
    shares = softmax(np.array([[1e4, 0, -1e4], [1, 2, 3]]), 2.0)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[1], np.exp([0.5, 1, 1.5]) / np.exp([0.5, 1, 1.5]).sum())
