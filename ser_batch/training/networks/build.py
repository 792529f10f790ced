"""Networks from options: build, copy weights from a trained one, outputs for training, inputs for export."""

from collections.abc import Mapping
from pathlib import Path

import keras
from keras import layers

from ser_batch.audio.front_end import N_FRAMES
from ser_batch.errors import SerBatchError
from ser_batch.training.networks import cnn, whisper_classifier
from ser_batch.training.networks.layers import dense
from ser_batch.training.options import TrainOptions

HEAD = whisper_classifier.HEAD


def build(options: TrainOptions, n_classes: int, frames: int | None = N_FRAMES) -> keras.Model:
    """Make the network that the options describe, with random weights; arguments as for `cnn.build`."""
    if options.network == "whisper":
        return whisper_classifier.build(
            n_classes, options.classifier, options.floor, frames, options.features
        )
    return cnn.build(n_classes, options.cnn, options.floor, frames, options.features)


def load_network(path: Path) -> keras.Model:
    """Load a trained network.

    Raises:
        SerBatchError: the file is missing, or Keras cannot open it.
    """
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SerBatchError(
            f"{path}: Keras cannot open it: restore the file, or give another model (bundles that are shipped without "
            "it must be trained again)"
        ) from error


def copy_weights(model: keras.Model, path: Path, output_too: bool = True) -> None:
    """Copy the weights of a trained network of the same sizes into a model.

    Args:
        model: as `build` makes it.
        path: of the trained network's `.keras` file.
        output_too: copy the output layers too; without, they keep their random weights, for other labels.

    Raises:
        SerBatchError: the file cannot be read, or holds another network.
    """
    trained = load_network(path)
    try:
        for new, old in zip(model.layers, trained.layers, strict=True):
            if output_too or not is_output(new):
                new.set_weights(old.get_weights())
    except ValueError as error:
        raise SerBatchError(
            f"{path}: its layers are not those of the card's recipe in this version: start from another model"
        ) from error


def is_output(layer: layers.Layer) -> bool:
    """Whether a layer gives logits: its shape depends on the number of labels."""
    return layer.name == "logits" or layer.name.startswith(HEAD)


def without_rotation(model: keras.Model) -> keras.Model:
    """The same network with log-mel as input: a network of MFCCs inverts the DCT first."""
    if model.input.name != "mfcc":
        return model
    return keras.Model(model.get_layer("log_mel").output, model.output, name=model.name)


def for_training(model: keras.Model, distilled: Mapping[str, int] | None = None) -> keras.Model:
    """The same network with named outputs, and output layers for distillation that are not kept.

    Args:
        model: as `build` makes it.
        distilled: widths of the teacher's representation of `frames` and `clip`, which the CNN learns to predict; the
            Whisper network learns from the teacher's soft labels alone.

    Returns:
        A model from features to `logits` `[batch, n_classes]` and to the logits of each head, where there are several;
        with a teacher also to `frames` `[batch, frames / 4, width]` and `clip` `[batch, width]`.
    """
    heads = [layer for layer in model.layers if layer.name.startswith(HEAD)]
    outputs = {"logits": model.output} | {head.name: head.output for head in heads}
    if distilled and any(layer.name == "frames" for layer in model.layers):
        for name, width in distilled.items():
            predict = dense(width, dtype="float32", name=f"distil_{name}")
            outputs[name] = predict(model.get_layer(name).output)
    return keras.Model(model.input, outputs)
