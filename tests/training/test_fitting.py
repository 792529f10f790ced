import numpy as np
import pytest

pytest.importorskip("keras")
from ser_batch.evaluation.evaluate import logits_of
from ser_batch.model.runtime import Network
from ser_batch.training.fitting import calibration_logits
from ser_batch.training.job import Job
from ser_batch.training.views import Views


def test_the_temperature_is_fitted_to_a_view_of_each_held_out_clip(bundle, table):
    network = Network(bundle.network_path)
    held_out = np.arange(len(table)) < 20
    last = table.select(np.arange(len(table)) >= len(table) - 20)
    plain = calibration_logits(Job(table), network, held_out)
    np.testing.assert_array_equal(plain, logits_of(network, table.select(held_out)))
    # the view of each clip is the clip at the same place from the end
    views = Views(table.levels[:, None], table.frames[:, None], np.arange(len(table))[::-1])
    seen = calibration_logits(Job(table, views=views), network, held_out)
    np.testing.assert_array_equal(seen, logits_of(network, last)[::-1])
