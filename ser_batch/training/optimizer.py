"""AdamW with a learning rate of its own for each layer."""

from collections.abc import Callable
from typing import Any

import keras


class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW with a smaller learning rate for the layers that were trained before.

    Source: J. Howard and S. Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018.
    """

    def __init__(self, learning_rate: Any, share: Callable[[str], float], **options: Any):
        """Scale the rate of the variable at each path by its share, 0 to 1."""
        super().__init__(learning_rate, **options)
        self._share = share

    def build(self, var_list: list[Any]) -> None:
        """Find the share of each variable."""
        super().build(var_list)
        self._shares = [self._share(variable.path) for variable in var_list]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)
