import numpy as np
import pytest

from ser_batch.model.runtime import Network
from ser_batch.training.export import export, verify


def test_a_network_that_computes_something_else_is_not_let_through(bundle, table):
    bands = table.log_mel(np.arange(8))
    network = Network(bundle.network_path)
    logits = np.stack([network(clip) for clip in bands])
    verify(network, bands, logits)
    with pytest.raises(RuntimeError, match="does not compute what Keras does"):
        verify(network, bands, logits + 0.1 * logits.std())
    with pytest.raises(RuntimeError, match="does not compute what Keras does"):
        verify(network, bands, logits * np.nan)


def test_a_failed_conversion_says_why(tmp_path):
    (tmp_path / "model.keras").write_text("no network")
    with pytest.raises(RuntimeError, match=r"(?s)could not be exported.*model\.keras"):
        export(tmp_path / "model.keras", tmp_path / "model.tflite")


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_smaller_weights_make_a_smaller_file_that_answers_alike(bundle, table, tmp_path, weights):
    bands = table.log_mel(np.arange(0, 60, 4))
    network = Network(bundle.network_path)
    logits = np.stack([network(clip) for clip in bands])
    small = tmp_path / "small.tflite"
    export(bundle.path / "model.keras", small, weights)
    assert small.stat().st_size < bundle.network_path.stat().st_size
    verify(Network(small), bands, logits, weights)
