from dataclasses import replace
from math import erf

import numpy as np
import pytest

from ser_batch.audio import features
from ser_batch.errors import SerBatchError
from ser_batch.training.options import ClassifierSizes, EncoderOptions, NoiseFloorOptions

keras = pytest.importorskip("keras")
from ser_batch.training.networks import whisper_classifier, whisper_encoder  # noqa: E402
from ser_batch.training.networks.build import for_training  # noqa: E402
from ser_batch.training.optimizer import LayerwiseAdamW  # noqa: E402

SMALL = ClassifierSizes(width=8, attention_heads=2, hidden=8, frames_averaged=1)
FLOOR = NoiseFloorOptions()


@pytest.fixture(scope="module")
def arrays():
    """Random arrays with the names and shapes of the published encoder's."""
    rng = np.random.default_rng(0)
    width = whisper_encoder.WIDTH

    def draw(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float16)

    def norm(name):
        gain = {f"{name}/gamma": 1 + draw(width) / 20, f"{name}/beta": draw(width) / 20}
        return {key: value.astype(np.float16) for key, value in gain.items()}

    drawn = {
        "encoder/conv1/weight": draw(width, whisper_encoder.MELS, 3),
        "encoder/conv1/bias": draw(width),
        "encoder/conv2/weight": draw(width, width, 3),
        "encoder/conv2/bias": draw(width),
        "encoder/position_encodings/encodings": draw(1500, width),
        **norm("encoder/layer_norm"),
    }
    shapes = {"self_attention": (3 * width, width), "ffn": (4 * width, 4 * width)}
    for i in range(whisper_encoder.LAYERS):
        for part, (wide, inner) in shapes.items():
            place = f"encoder/layer_{i}/{part}"
            drawn |= norm(f"{place}/layer_norm")
            drawn |= {f"{place}/linear_0/weight": draw(wide, width), f"{place}/linear_0/bias": draw(wide)}
            drawn |= {f"{place}/linear_1/weight": draw(width, inner), f"{place}/linear_1/bias": draw(width)}
    return drawn


@pytest.fixture(scope="module")
def encoder_file(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "encoder.npz"
    np.savez(path, **arrays)
    return path


def test_the_encoder_computes_what_its_authors_describe(arrays, encoder_file, table):
    bands = features.from_levels(table.levels[:1])
    ours = [np.asarray(each)[0] for each in whisper_encoder.encoder(encoder_file).predict_on_batch(bands)]
    theirs = _whisper(_whisper_mel(bands[0]), {name: each.astype(float) for name, each in arrays.items()})
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02 * other.std())


def _whisper_mel(bands):
    """The recipe of the paper's front end on our log-mel, frame by frame."""
    ours, theirs = (features.mel_edges(n)[1:-1] for n in (128, 80))
    mel = np.stack([np.interp(theirs, ours, frame) for frame in bands]) / 10
    mel = np.stack([np.interp(np.arange(300) * 160 / 256, np.arange(188), band) for band in mel.T], axis=1)
    return (mel + 1.5 + 4) / 4


def _whisper(mel, arrays):
    """The encoder in plain NumPy, from the description of its arrays."""

    def convolve(x, name, stride):
        weight, bias = arrays[f"encoder/{name}/weight"], arrays[f"encoder/{name}/bias"]
        padded = np.pad(x, ((1, 1), (0, 0)))
        frames = [padded[t : t + 3] for t in range(0, len(x), stride)]
        return gelu(np.einsum("twi,oiw->to", np.stack(frames), weight) + bias)

    def gelu(x):
        return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))

    def norm(x, name):
        scaled = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        return scaled * arrays[f"{name}/gamma"] + arrays[f"{name}/beta"]

    def linear(x, name):
        return x @ arrays[f"{name}/weight"].T + arrays[f"{name}/bias"]

    x = convolve(convolve(mel, "conv1", 1), "conv2", 2)
    x = x + arrays["encoder/position_encodings/encodings"][: len(x)]
    outputs = []
    for i in range(4):
        place = f"encoder/layer_{i}/self_attention"
        query, key, value = np.split(linear(norm(x, f"{place}/layer_norm"), f"{place}/linear_0"), 3, axis=1)
        heard = []
        for head in range(6):
            part = slice(64 * head, 64 * head + 64)
            scores = np.exp(query[:, part] @ key[:, part].T / 8)
            heard.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, part])
        x = x + linear(np.concatenate(heard, axis=1), f"{place}/linear_1")
        place = f"encoder/layer_{i}/ffn"
        x = x + linear(gelu(linear(norm(x, f"{place}/layer_norm"), f"{place}/linear_0")), f"{place}/linear_1")
        outputs.append(x)
    return [*outputs[1:], norm(x, "encoder/layer_norm")]


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, mel=np.zeros(3))
    with pytest.raises(SerBatchError, match="not the encoder of Whisper"):
        whisper_encoder.encoder(path)


def test_padding_is_not_active(table):
    model = whisper_classifier.build(3, SMALL, FLOOR)
    bands = features.from_levels(table.levels[:2])
    heard = keras.Model(model.input, model.get_layer("active_encoder_frames").output)
    seconds = np.asarray(heard.predict_on_batch(features.rotate(bands))).sum(axis=(1, 2)) / 50
    np.testing.assert_allclose(seconds, table.frames[:2] * 0.016, atol=0.03)


def test_crops_are_taken_by_the_same_weights(table):
    whole = whisper_classifier.build(3, SMALL, FLOOR)
    any_length = whisper_classifier.build(3, SMALL, FLOOR, frames=None)
    any_length.set_weights(whole.get_weights())
    mfcc = features.rotate(features.from_levels(table.levels[:2]))
    np.testing.assert_allclose(
        any_length.predict_on_batch(mfcc), whole.predict_on_batch(mfcc), rtol=1e-3, atol=1e-4
    )
    assert any_length.predict_on_batch(mfcc[:, :112]).shape == (2, 3)


def test_the_nearer_to_the_input_the_slower():
    options = EncoderOptions(learning_rate=0.1, decay=0.5)
    paths = (
        "logits/kernel",
        "norm/gamma",
        "3_ffn_0/kernel",
        "2_attention_in/kernel",
        "0_ffn_norm/beta",
        "conv2/bias",
    )
    shares = [whisper_classifier.learning_rate_share(path, options) for path in paths]
    assert shares == [1.0, 0.1, 0.1, 0.05, 0.0125, 0.00625]


def test_the_halves_of_a_network_compute_what_the_whole_does(table):
    model = whisper_classifier.build(3, replace(SMALL, frames_averaged=2, heads=2), FLOOR)
    encoder, head = whisper_classifier.split(model)
    mfcc = features.rotate(features.from_levels(table.levels[:2]))
    between = encoder.predict_on_batch(mfcc)
    assert [each.shape for each in between] == [(2, 75, 384)] * 4 + [(2, 75, 1)]
    np.testing.assert_allclose(head.predict_on_batch(between), model.predict_on_batch(mfcc), atol=1e-5)
    assert not any(whisper_classifier.in_encoder(each.path) for each in head.trainable_variables)


def test_blends_with_oneself_and_of_nothing_are_no_blends(table):
    model = whisper_classifier.build(3, SMALL, FLOOR, None)
    mixing = whisper_classifier.with_mixup(for_training(model))
    clips = features.network_input(table.log_mel(np.arange(3)), "mfcc")
    whole = model.predict_on_batch(clips)
    ones, halves = np.ones((3, 1, 1), np.float32), np.full((3, 1, 1), 0.5, np.float32)
    for share, other in ((ones, [2, 0, 1]), (halves, [0, 1, 2])):
        logits = mixing.predict_on_batch([clips, share, np.array(other, np.int32)])["logits"]
        np.testing.assert_allclose(logits, whole, rtol=1e-4, atol=1e-4)
    blends = mixing.predict_on_batch([clips, halves, np.array([1, 0, 2], np.int32)])["logits"]
    np.testing.assert_allclose(blends[0], blends[1], rtol=1e-4, atol=1e-4)
    assert np.abs(blends[0] - whole[0]).max() > 1e-3


def test_the_logits_are_the_mean_of_the_heads(table):
    model = whisper_classifier.build(3, replace(SMALL, heads=3), FLOOR)
    taught = for_training(model)
    answers = taught.predict_on_batch(features.rotate(features.from_levels(table.levels[:2])))
    each = np.stack([answers[f"head_{i}"] for i in range(3)])
    assert np.abs(each - each[0]).max() > 1e-3
    np.testing.assert_allclose(answers["logits"], each.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_a_share_of_the_change_is_kept_in_the_encoder_alone(encoder_file):
    model = whisper_classifier.build(3, SMALL, FLOOR)
    whisper_encoder.load(model, encoder_file)
    before = model.get_weights()
    model.set_weights([weight + 1 for weight in before])
    whisper_classifier.keep_share(model, before, kept=0.75)
    for variable, old, new in zip(model.weights, before, model.get_weights(), strict=True):
        in_encoder = whisper_classifier.in_encoder(variable.path)
        np.testing.assert_allclose(new, old + (0.75 if in_encoder else 1), rtol=1e-5, atol=1e-5)


def test_every_variable_moves_by_its_share():
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, name="slow"), keras.layers.Dense(1, name="fast")]
    )
    shares = {"slow": 0.01, "fast": 1.0}
    optimizer = LayerwiseAdamW(0.1, lambda path: shares[path.split("/")[-2]], weight_decay=0.0)
    before = model.get_weights()
    model.compile(optimizer, "mse")
    model.train_on_batch(np.ones((4, 1)), np.full((4, 1), 9.0))
    moved = [abs(new - old).max() for new, old in zip(model.get_weights(), before, strict=True)]
    # the first step of Adam is as long as its learning rate
    np.testing.assert_allclose(moved, [0.001, 0.001, 0.1, 0.1], rtol=1e-3)


@pytest.mark.slow
def test_two_stages_train_the_heads_then_the_encoder(table, encoder_file, tmp_path):
    """The shipped recipe with small sizes: frozen encoder first, fine-tuned next, exported and used."""
    import ser_batch
    from ser_batch.evaluation.evaluate import evaluate_bundle
    from ser_batch.model.bundle import load_bundle

    table.save(tmp_path / "toy.npz")
    settings = {
        "encoder.weights": str(encoder_file),
        "encoder.views": 1,
        "epochs": 1,
        "batch_size": 12,
        "classifier.heads": 2,
        "augmentation.noise_share": 0.4,
        "mixed_precision": False,
    }
    ser_batch.train(tmp_path / "toy.npz", tmp_path / "out", recipe="large", settings=settings)
    bundle = load_bundle(str(tmp_path / "out"))
    trained = keras.models.load_model(bundle.path / "model.keras", compile=False)
    published = whisper_classifier.build(3, SMALL, FLOOR)
    whisper_encoder.load(published, encoder_file)
    for name in ("conv1", "0_attention_in", "3_ffn_1", "norm"):
        changes = [
            np.abs(ours - theirs).max()
            for ours, theirs in zip(
                trained.get_layer(name).get_weights(), published.get_layer(name).get_weights(), strict=True
            )
        ]
        assert 0 < max(changes) < 0.01
    assert not list(bundle.path.glob("encoded*"))
    assert not list(bundle.path.glob("checkpoint*"))
    recipe = bundle.card["training"]["recipe"]
    assert recipe["name"] == "large"
    assert [stage["encoder"]["learning_rate"] for stage in recipe["stages"]] == [0, 0.15]
    assert [stage["augmentation"]["noise_share"] for stage in recipe["stages"]] == [0.4, 0.4]
    assert (bundle.path / "history.csv").read_text().count("\n") == 3
    assert "Whisper" in bundle.card["training"]["attribution"]
    assert bundle.card["parameters"] > 7_000_000 > (bundle.path / "model.tflite").stat().st_size / 2
    assert evaluate_bundle(bundle, table, quiet=True).summary()["clips"] == len(table)


@pytest.mark.slow
def test_a_frozen_encoder_does_not_change(table, quick, encoder_file, tmp_path):
    from ser_batch.training.fitting import train_network
    from ser_batch.training.job import Job
    from ser_batch.training.splits import split

    frozen = EncoderOptions(weights=str(encoder_file), learning_rate=0, views=1)
    options = replace(quick, network="whisper", classifier=SMALL, encoder=frozen, epochs=1)
    job = Job(table, (options,), quiet=True)
    trained, _ = train_network(job, split(table, job.hold_out, 0), tmp_path)
    published = whisper_classifier.build(3, SMALL, FLOOR)
    whisper_encoder.load(published, encoder_file)
    for variable, other in zip(trained.weights, published.weights, strict=True):
        if whisper_classifier.in_encoder(variable.path):
            np.testing.assert_allclose(variable, other, atol=1e-6)
