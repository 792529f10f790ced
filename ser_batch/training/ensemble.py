"""Several trained networks as one, whose logits are their mean.

Source: B. Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
NeurIPS 2017; by logits, so that one temperature calibrates the whole.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_batch.errors import SerBatchError
from ser_batch.model.bundle import CARD_FILE, Bundle, load_bundle
from ser_batch.training.task import Task

if TYPE_CHECKING:
    import keras

OF_MEMBERS = ("name", "summary", "sha256", "parameters", "command", "created")


def members(task: Task, speakers: dict[str, list[str]]) -> list[Bundle]:
    """The bundle that each of the task's `ensemble` folders has for one division of the speakers.

    Args:
        task: whose `ensemble` names folders that trainings wrote, with or without folds.
        speakers: for `train`, `validation` and `test` who they are.

    Raises:
        SerBatchError: a folder has none that knows just these speakers and was tested on just those, or it takes other
            features or tells other labels.
    """
    return [member(folder, task, speakers) for folder in task.ensemble]


def member(folder: Path, task: Task, speakers: dict[str, list[str]]) -> Bundle:
    """The bundle that one folder has for one division of the speakers; arguments and errors as for `members`."""
    found = [load_bundle(card.parent) for card in sorted(folder.rglob(CARD_FILE))]
    fitting = [bundle for bundle in found if _fits(bundle.card["training"]["speakers"], speakers)]
    if not fitting:
        raise SerBatchError(
            f"{folder} has no network trained and tested on the same speakers ({len(speakers['test'])} held out): "
            "train it with the same corpus, folds and seed."
        )
    expected = (task.labels, task.options.features, task.table.denoise)
    for bundle in fitting:
        if (bundle.labels, bundle.features, bundle.denoise) != expected:
            raise SerBatchError(
                f"{bundle.path} has other labels, features or noise reduction than the others."
            )
    return fitting[0]


def _fits(heard: dict[str, list[str]], speakers: dict[str, list[str]]) -> bool:
    """Whether a network has heard all that are not held out, and none but those for training to learn from."""
    known = set(heard["train"] + heard["validation"])
    return (
        heard["test"] == speakers["test"]
        and known == set(speakers["train"] + speakers["validation"])
        and set(heard["train"]) <= set(speakers["train"])
    )


def network(files: list[Path]) -> "keras.Model":
    """One network of the mean logits of several `.keras` files that take the same features.

    A file that is given more than once is in it once, and counts as often as it is given.
    """
    import keras
    from keras import layers

    import ser_batch.training.large  # noqa: F401  registers the layers, those of the small network too
    from ser_batch.training.network import log_mel_of, without_rotation

    loaded = {file: keras.models.load_model(file, compile=False, safe_mode=True) for file in files}
    first = loaded[files[0]]
    inputs = keras.Input(first.input_shape[1:], name=first.input.name)
    bands = log_mel_of(inputs)
    logits: dict[Path, Any] = {}
    for file, model in loaded.items():
        member = without_rotation(model)
        # a model within a model needs a name of its own
        logits[file] = keras.Model(member.input, member.output, name=f"member_{len(logits)}")(bands)
    return keras.Model(
        inputs, layers.Average(name="logits")([logits[file] for file in files]), name="ser_batch"
    )


def told(bundle: Bundle) -> dict[str, Any]:
    """What a card tells of a network that it was made of."""
    training = {name: value for name, value in bundle.card["training"].items() if name != "speakers"}
    return {name: bundle.card[name] for name in OF_MEMBERS} | {"training": training}
