"""Averaging of trained models: one network whose logits are the mean of theirs. It is not trained further.

Source: L. Hansen and P. Salamon, "Neural Network Ensembles", IEEE Trans. PAMI 12(10), 1990. Networks of different
kinds make different errors in recordings unlike the training corpus.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ser_batch.errors import UsageError
from ser_batch.evaluation.evaluate import seen_speakers
from ser_batch.model.bundle import KERAS_FILE, Bundle

if TYPE_CHECKING:
    import keras


def check_members(members: Sequence[Bundle], labels: Sequence[str]) -> None:
    """Check that the logits of some models can be averaged.

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


def average(members: Sequence[Bundle]) -> "keras.Model":
    """The network from features `[batch, 188, 128]` to the mean of the members' logits, `[batch, n_classes]`.

    Raises:
        SerBatchError: a member has no `.keras` file, or Keras cannot open it.
    """
    import keras

    from ser_batch.audio.front_end import N_FRAMES, N_MELS
    from ser_batch.training.networks.build import load_network, without_rotation
    from ser_batch.training.networks.layers import log_mel_of

    inputs = keras.Input((N_FRAMES, N_MELS), name=members[0].features)
    bands = log_mel_of(inputs)
    logits = []
    for number, member in enumerate(members):
        network = without_rotation(load_network(member.path / KERAS_FILE))
        # layers within a network must have names that differ
        logits.append(keras.Model(network.input, network.output, name=f"member_{number}")(bands))
    return keras.Model(inputs, keras.layers.Average(name="logits")(logits), name="ser_batch")
