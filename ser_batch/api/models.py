"""Loading of models: bundled ones, and those that `train` wrote."""

from typing import TYPE_CHECKING

from ser_batch.api.paths import PathLike

if TYPE_CHECKING:
    from ser_batch.model.bundle import Bundle


def load_model(name_or_directory: PathLike = "crema-d") -> "Bundle":
    """Load a model and check its files.

    >>> import ser_batch
    >>> model = ser_batch.load_model("crema-d")
    >>> model.labels
    ['angry', 'disgust', 'fear', 'happy', 'neutral', 'sad']
    >>> model.card["denoise"] == model.denoise
    True

    Args:
        name_or_directory: a bundled model's name, or a folder that `train` wrote.

    Returns:
        The bundle, with `name`, `labels`, `path` and `card`.

    Raises:
        SerBatchError: there is no such model, or its files are incomplete, changed or of another version.
    """
    from ser_batch.model.bundle import load_bundle

    return load_bundle(name_or_directory)
