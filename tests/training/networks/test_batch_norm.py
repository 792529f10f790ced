import os
import subprocess
import sys

import numpy as np
import pytest

COMPARISON = """
import keras, numpy as np
from ser_batch.training.networks.batch_norm import BatchNorm
rng = np.random.default_rng(0)
for shape in ((64, 5), (16, 9, 5), (8, 7, 6, 5)):
    x = rng.normal(3, 2, shape).astype("float32")
    ours, keras_own = BatchNorm(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    for layer in (ours, keras_own):
        layer.build(shape)
        layer.gamma.assign(np.linspace(0.5, 1.5, 5)); layer.beta.assign(np.linspace(-1, 1, 5))
    one, other = (keras.ops.convert_to_numpy(layer(x, training=True)) for layer in (ours, keras_own))
    np.testing.assert_allclose(one, other, atol=1e-4)
    n = np.prod(shape[:-1])
    statistics = [keras.ops.convert_to_numpy(v) for v in ours.non_trainable_variables]
    expected = [keras.ops.convert_to_numpy(v) for v in keras_own.non_trainable_variables]
    np.testing.assert_allclose(statistics[0], expected[0], rtol=1e-4)
    np.testing.assert_allclose(statistics[1] - 0.9, (expected[1] - 0.9) * n / (n - 1), rtol=1e-3)
    ours.set_weights(keras_own.get_weights())
    one, other = (keras.ops.convert_to_numpy(layer(x, training=False)) for layer in (ours, keras_own))
    np.testing.assert_allclose(one, other, atol=1e-5)
"""


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("torch", marks=pytest.mark.slow)])
def test_the_fused_kernel_computes_what_keras_does(backend):
    if backend == "torch":
        pytest.importorskip("torch")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", COMPARISON], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_gradients_are_those_of_keras(rng):
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("takes TensorFlow's gradients")
    from ser_batch.training.networks.batch_norm import BatchNorm

    x = tf.constant(rng.normal(size=(6, 4, 3)).astype(np.float32))
    gradients = []
    for layer in (BatchNorm(), keras.layers.BatchNormalization()):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.sin(layer(x, training=True)) * tf.range(3.0))
        gradients.append(tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_frozen_layer_keeps_its_statistics_and_uses_them(rng):
    pytest.importorskip("keras")
    from ser_batch.training.networks.batch_norm import BatchNorm

    layer = BatchNorm()
    x = rng.normal(3, 2, (6, 4, 3)).astype(np.float32)
    layer(x, training=True)
    before = layer.get_weights()
    layer.trainable = False
    np.testing.assert_allclose(layer(x, training=True), layer(x, training=False))
    for one, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
