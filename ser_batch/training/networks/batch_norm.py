"""Batch normalisation by the fused kernel of TensorFlow or PyTorch: Keras's own took half of the training time."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("ser_batch")
class BatchNorm(layers.BatchNormalization):
    """Keras's layer over the last axis; in training, TensorFlow's or PyTorch's fused kernel does the work.

    The moving variance is then the unbiased one. Other backends, frozen layers and inference take Keras's way.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise `[..., channels]` by the batch in training, else by the moving statistics."""
        fused = {"tensorflow": self._by_tensorflow, "torch": self._by_torch}.get(keras.backend.backend())
        if training and self.trainable and fused:
            return fused(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _by_tensorflow(self, inputs: Any) -> Any:
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1])),
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return tf.reshape(outputs, tf.shape(inputs))

    def _by_torch(self, inputs: Any) -> Any:
        import torch

        # the kernel updates the moving statistics in place; autocast would turn its float32 weights away
        with torch.autocast(inputs.device.type, enabled=False):
            outputs = torch.nn.functional.batch_norm(
                inputs.movedim(-1, 1),
                self.moving_mean.value.detach(),
                self.moving_variance.value.detach(),
                self.gamma.value,
                self.beta.value,
                training=True,
                momentum=1 - self.momentum,
                eps=self.epsilon,
            )
        return outputs.movedim(1, -1)
