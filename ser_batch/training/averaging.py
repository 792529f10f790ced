"""Averaging of trained models: one network that gives the mean of their probabilities. It is not trained further.

Source: L. Hansen and P. Salamon, "Neural Network Ensembles", IEEE Trans. PAMI 12(10), 1990. Networks of different
kinds make different errors in recordings unlike the training corpus.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ser_batch.errors import UsageError
from ser_batch.evaluation.evaluate import seen_speakers
from ser_batch.model.bundle import KERAS_FILE, Bundle, load_bundle

if TYPE_CHECKING:
    import keras

FOLDS = "folds"  # folder of the networks of the folds, in that of the final one
LEAST = 1e-6  # probability of which the logarithm is taken


def check_members(members: Sequence[Bundle], labels: Sequence[str]) -> None:
    """Check that some models can be averaged.

    Raises:
        UsageError: fewer than two models, or they differ in labels, input features or noise reduction.
    """
    if len(members) < 2:
        raise UsageError("--average: give it twice or more, a folder of a model each time")
    first = members[0]
    for member in members:
        if member.labels != list(labels):
            raise UsageError(
                f"{member.path}: its labels are {', '.join(member.labels)}, those of the corpus {', '.join(labels)}: "
                "average models of these labels, or rename those of the corpus with --labels"
            )
        if (member.features, member.denoise) != (first.features, first.denoise):
            raise UsageError(
                f"{member.path}: its input is {member.features} with denoise {member.denoise}, that of {first.path} "
                f"{first.features} with {first.denoise}: average models with the same input"
            )


def check_unseen(members: Sequence[Bundle], speakers: set[str]) -> None:
    """Check that no member was trained on some speakers, named as by `qualified_speakers`.

    Raises:
        UsageError: a member was.
    """
    for member in members:
        if seen := seen_speakers(member.card) & speakers:
            raise UsageError(
                f"{member.path}: was trained on {len(seen)} of the speakers that are held out here: cross-validate the "
                "members on the same corpus with the same folds"
            )


def of_fold(members: Sequence[Bundle], fold: str) -> list[Bundle]:
    """The networks of a fold of cross-validated models, each with the temperature of the other folds.

    Raises:
        UsageError: a member was not cross-validated, or has no such fold.
    """
    networks = []
    for member in members:
        figures = member.card.get("cross_validation", {}).get("folds", {}).get(fold)
        if figures is None:
            raise UsageError(f"{member.path}: has no network of fold {fold}: train it with --cross-validate")
        network = load_bundle(member.path / FOLDS / fold)
        networks.append(replace(network, card={**network.card, "temperature": figures["temperature"]}))
    return networks


def average(members: Sequence[Bundle]) -> "keras.Model":
    """The network from features `[batch, 188, 128]` to logits `[batch, n_classes]`.

    The logits are the logarithm of the mean of the members' calibrated probabilities. A member that is given twice
    counts twice, and is computed once.

    Raises:
        SerBatchError: a member has no `.keras` file, or Keras cannot open it.
    """
    import keras
    from keras import ops

    from ser_batch.audio.front_end import N_FRAMES, N_MELS
    from ser_batch.training.networks.build import load_network, without_rotation
    from ser_batch.training.networks.layers import log_mel_of

    inputs = keras.Input((N_FRAMES, N_MELS), name=members[0].features)
    bands = log_mel_of(inputs)
    by_path = {member.path: member for member in members}
    times = Counter(member.path for member in members)
    shares = []
    for number, (path, member) in enumerate(by_path.items()):
        network = without_rotation(load_network(path / KERAS_FILE))
        # layers within a network must have names that differ
        logits = keras.Model(network.input, network.output, name=f"member_{number}")(bands)
        shares.append(ops.softmax(logits / member.temperature) * (times[path] / len(members)))
    mean = keras.layers.Add()(shares)
    return keras.Model(inputs, ops.log(mean + LEAST), name="ser_batch")
