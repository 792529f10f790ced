"""Models: those that ship, and those that `train` wrote."""

from typing import TYPE_CHECKING

from ser_batch.api.paths import PathLike

if TYPE_CHECKING:
    from ser_batch.model.bundle import Bundle


def load_model(name_or_directory: PathLike = "crema-d") -> "Bundle":
    """Find a model and check that it is whole.

    >>> import ser_batch
    >>> model = ser_batch.load_model("crema-d")
    >>> model.labels
    ['angry', 'disgust', 'fear', 'happy', 'neutral', 'sad']
    >>> model.card["denoise"] == model.denoise
    True

    Args:
        name_or_directory: a bundled model's name, or a directory that `train` wrote.

    Returns:
        Its `name`, `labels`, `path` and `card`, which holds all that is known about it.

    Raises:
        SerBatchError: there is no such model, or its files are incomplete, altered or for another version.
    """
    from ser_batch.model.bundle import load_bundle

    return load_bundle(name_or_directory)
