"""Make the voice detector, `models/voice`: a small network that learns from Silero VAD where speech is.

    python models/make_voice.py MATERIAL silero_vad_16k_op15.onnx -o models/voice

MATERIAL is a folder with the sources that `voice_material.toml` lists; the sources `synthetic/` in it are made by
`render_voice_material.py`. Needs `pip install onnxruntime scikit-learn` besides ser-batch. `--bank FILE` keeps the
windows that the material gives: later runs read them from there.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from voice_material import Teacher, Windows, collect, sources
from voice_mixing import Mixer

from ser_batch.audio.features import from_levels
from ser_batch.audio.front_end import FLOOR_DB, FRONT_END, N_FRAMES, N_MELS
from ser_batch.audio.voice import MIN_SPEECH_SECONDS, N_STEPS, STEP_FRAMES, STEP_SECONDS, THRESHOLD
from ser_batch.model.bundle import CARD_FILE, NETWORK_FILE, sha256_of
from ser_batch.model.runtime import Network
from ser_batch.version import __version__

CHANNELS = 16, 32, 96  # of the two convolutions over time and frequency, and of those over time
DILATIONS = 1, 2, 4, 8, 1
DROPOUT = 0.1
BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 3e-3, 0.01
LIMITS = (
    "Singing, crying, laughing, screaming and coughing are mostly taken for no speech, as the teacher takes them.",
    "Children's voices and tonal languages were heard only as computer voices and single words.",
    "Voices of television or of other people in the room are speech.",
)

Array = NDArray[np.float32]


def main() -> None:
    """Read the command line; collect, train, export, measure, write the card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("material", type=Path, help="folder of the sources")
    parser.add_argument("teacher", type=Path, help="silero_vad_16k_op15.onnx")
    parser.add_argument("-o", "--output", type=Path, default=Path("models/voice"))
    parser.add_argument(
        "--bank", type=Path, help="file for the windows, .npz; its second part is <name>.test.npz"
    )
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--go-on-from", type=Path, help="a network that this script has exported")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    given = parser.parse_args()
    train, test = _windows(given)
    keras.utils.set_random_seed(given.seed)
    network = loaded(given.go_on_from) if given.go_on_from else build()
    fit(network, train, given.steps, given.seed, given.learning_rate)
    given.output.mkdir(parents=True, exist_ok=True)
    path = given.output / NETWORK_FILE
    path.write_bytes(exported(network))
    command = (
        f"python models/make_voice.py MATERIAL silero_vad_16k_op15.onnx --steps {given.steps} --seed {given.seed} "
        f"--learning-rate {given.learning_rate:g}{' --go-on-from FILE' if given.go_on_from else ''}"
    )
    card = {
        "name": "voice",
        "schema_version": 1,
        "summary": "log-mel → CNN: the probability of speech for each 64 ms of a window",
        "created": time.strftime("%Y-%m-%d"),
        "ser_batch": __version__,
        "command": command,
        "front_end": FRONT_END,
        "steps": N_STEPS,
        "threshold": THRESHOLD,
        "min_speech": MIN_SPEECH_SECONDS,
        "parameters": network.count_params(),
        "weights": "int8",
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "training": {
            "teacher": "Silero VAD 6.2.3, © Silero Team, MIT licence; nothing of it is in this network",
            "sources": _sources(train),
            "steps": given.steps,
            "seed": given.seed,
            "began_with_sha256": sha256_of(given.go_on_from) if given.go_on_from else None,
        },
        "evaluation": evaluate(Network(path, N_STEPS), test),
        "limits": LIMITS,
    }
    (given.output / CARD_FILE).write_text(
        json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(json.dumps(card["evaluation"], indent=1))


def _windows(given: argparse.Namespace) -> tuple[Windows, Windows]:
    """The windows to learn from and those to test on, from the bank if there is one."""
    paths = given.bank and (given.bank, given.bank.with_suffix(".test.npz"))
    if paths and all(path.exists() for path in paths):
        return Windows.load(paths[0]), Windows.load(paths[1])
    teacher, rng = Teacher(given.teacher), np.random.default_rng(given.seed)
    train, test = (collect(given.material, part, teacher, rng) for part in ("train", "test"))
    if paths:
        train.save(paths[0])
        test.save(paths[1])
    return train, test


def build(normalised: bool = True) -> keras.Model:
    """Log-mel `[188, 128]` in dB to 47 logits: bands and frames by fours, then depthwise convolutions over time.

    Args:
        normalised: with batch norm, for a training from random weights; else with biases, as it is exported.
    """
    bias = not normalised
    first, second, width = CHANNELS
    given = keras.Input((N_FRAMES, N_MELS))
    x = keras.layers.Rescaling(-2 / FLOOR_DB, offset=1.0)(given)
    x = keras.layers.Reshape((N_FRAMES, N_MELS, 1))(x)
    x = _convolution(x, first, (STEP_FRAMES, 8), (STEP_FRAMES, 4), bias)
    x = _convolution(x, second, (3, 4), (1, 4), bias)
    x = keras.layers.Reshape((N_STEPS, 1, second * N_MELS // 16))(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    x = _convolution(x, width, 1, 1, bias)
    for dilation in DILATIONS:
        x = _block(x, width, dilation, bias)
    x = keras.layers.Dropout(DROPOUT)(x)
    x = keras.layers.Conv2D(1, 1)(x)
    return keras.Model(given, keras.layers.Reshape((N_STEPS,))(x))


def _convolution(x: Any, channels: int, kernel: Any, strides: Any, bias: bool) -> Any:
    x = keras.layers.Conv2D(channels, kernel, strides=strides, padding="same", use_bias=bias)(x)
    return keras.layers.ReLU()(x if bias else keras.layers.BatchNormalization()(x))


def _block(x: Any, channels: int, dilation: int, bias: bool) -> Any:
    """A residual block: five steps of each channel by itself, then all channels of a step."""
    y = keras.layers.DepthwiseConv2D((5, 1), padding="same", dilation_rate=(dilation, 1), use_bias=bias)(x)
    y = y if bias else keras.layers.BatchNormalization()(y)
    return keras.layers.Add()([x, _convolution(y, channels, 1, 1, bias)])


def loaded(path: Path) -> keras.Model:
    """The network of a flat buffer that `exported` made, with its int8 weights as floats: to go on from there."""
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(str(path), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    kinds = "CONV_2D", "DEPTHWISE_CONV_2D"
    inputs = [step["inputs"] for step in interpreter._get_ops_details() if step["op_name"] in kinds]
    network = build(normalised=False)
    layers = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
    ]
    for layer, (_, kernel, bias) in zip(layers, inputs, strict=True):
        weights = _floats(interpreter, kernel).transpose(
            1, 2, 3, 0
        )  # a depthwise kernel ends with its channels, too
        layer.set_weights([weights, interpreter.get_tensor(bias)])
    return network


def _floats(interpreter: Any, index: int) -> Array:
    """A constant tensor, with the scales of its channels if it is of int8."""
    values = interpreter.get_tensor(index)
    if values.dtype != np.int8:
        return values
    [details] = [each for each in interpreter.get_tensor_details() if each["index"] == index]
    return values * details["quantization_parameters"]["scales"][:, None, None, None]


def fit(network: keras.Model, windows: Windows, steps: int, seed: int, learning_rate: float) -> None:
    """Train a network on batches that are mixed anew each time; AdamW, a cosine down to nothing."""
    rng, mixer = np.random.default_rng(seed), Mixer(windows)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, steps, warmup_target=learning_rate, warmup_steps=steps // 20
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY, clipnorm=1.0)

    @tf.function
    def gradients(bands: Any, label: Any, weight: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = network(bands, training=True)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(label, logits)
            loss = tf.reduce_mean(weight[:, None] * losses)
        return loss, tape.gradient(loss, network.trainable_variables)

    total, began = 0.0, time.monotonic()
    for step in range(1, steps + 1):
        batch = mixer.batch(BATCH, rng)
        loss, slopes = gradients(*map(tf.constant, batch))
        optimizer.apply_gradients(zip(slopes, network.trainable_variables, strict=True))
        total += float(loss)
        if step % 250 == 0:
            print(f"step {step}: loss {total / 250:.4f}, {time.monotonic() - began:.0f} s", flush=True)
            total = 0.0


def exported(network: keras.Model) -> bytes:
    """A LiteRT flat buffer of batch 1 that gives probabilities; dynamic range: the weights are int8."""
    sigmoid = keras.layers.Activation("sigmoid")(network.output)
    model = keras.Model(network.input, sigmoid)
    signature = [tf.TensorSpec((1, N_FRAMES, N_MELS), tf.float32)]
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def evaluate(network: Network, test: Windows) -> dict[str, Any]:
    """Agreement with the teacher on steps of speech recordings, and of each source how many windows get a label."""
    answers = np.stack([network(from_levels(levels)) for levels in test.mel])
    labels = test.label.reshape(-1, N_STEPS, STEP_FRAMES).mean(axis=2) / 255
    seconds = (answers >= THRESHOLD).sum(axis=1) * STEP_SECONDS
    told = (labels > 0.5).sum(axis=1) * STEP_SECONDS
    by_source = {}
    for number, source in enumerate(sources()):
        of_source = test.source == number
        if not of_source.any():
            continue
        row: dict[str, Any] = {"kind": source["kind"], "windows": int(of_source.sum())}
        row["labelled"] = round(float(np.mean(seconds[of_source] >= MIN_SPEECH_SECONDS)), 4)
        if source["kind"] == "speech":
            row["labelled_by_teacher"] = round(float(np.mean(told[of_source] >= MIN_SPEECH_SECONDS)), 4)
            row["auc"] = _auc(labels[of_source], answers[of_source])
        by_source[source["name"]] = row
    return {
        "on": "recordings, speakers and languages that were kept aside: windows of 3 s or whole shorter clips",
        "auc_speech_recordings": _auc(labels[test.speech], answers[test.speech]),
        "auc": _auc(labels, answers),
        "sources": by_source,
    }


def _auc(labels: Array, answers: Array) -> float:
    """Area under the ROC curve, the teacher's decision at 0.5 taken for the truth."""
    return round(float(roc_auc_score(labels.ravel() > 0.5, answers.ravel())), 4)


def _sources(train: Windows) -> list[dict[str, Any]]:
    named = ("name", "kind", "licence")
    return [
        {**{key: source[key] for key in named}, "windows": int((train.source == number).sum())}
        for number, source in enumerate(sources())
    ]


if __name__ == "__main__":
    main()
