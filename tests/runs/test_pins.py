"""Pinned probabilities of the bundled models."""

import json

import numpy as np
import pytest

from ser_batch.model.bundle import load_bundle
from tests.pins import MODELS, PINS, heard

TOLERANCE = 20  # ten-thousandths: other processors add in other orders


@pytest.mark.parametrize("denoise", ["off", "gate"])
@pytest.mark.parametrize("model", MODELS)
def test_bundled_models_give_the_pinned_probabilities(model, denoise):
    kept = json.loads(PINS.read_text())[model]
    assert kept["sha256"] == load_bundle(model).sha256, "the model is another one: run `python -m tests.pins`"
    for clip, now in heard(model, denoise).items():
        then = np.array(kept[denoise][clip])
        np.testing.assert_allclose(now, then, atol=TOLERANCE, err_msg=clip)
        first, second = np.sort(then, axis=1)[:, :-3:-1].T
        clear = first - second > 2 * TOLERANCE
        assert clear.any()
        assert (np.argmax(now, axis=1) == np.argmax(then, axis=1))[clear].all()
