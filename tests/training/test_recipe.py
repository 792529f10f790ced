import dataclasses
import tomllib

import pytest

from ser_batch.errors import UsageError
from ser_batch.training.options import TrainOptions
from ser_batch.training.recipe import RECIPES, parse_settings, read_recipe


def keys(entries, prefix=""):
    """All keys of nested tables, dotted."""
    for key, value in entries.items():
        yield from keys(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]


def test_fast_names_every_key_and_is_the_default():
    entries = tomllib.loads((RECIPES / "fast.toml").read_text())
    assert set(keys(entries)) == set(keys(dataclasses.asdict(TrainOptions())))
    assert read_recipe("fast") == (TrainOptions(),)


def test_large_trains_the_heads_first_then_the_encoder():
    heads, encoder = read_recipe("large")
    assert heads.frozen_encoder
    assert not encoder.frozen_encoder
    assert heads.classifier == encoder.classifier
    assert heads.classifier.heads == 3
    assert (heads.epochs, encoder.epochs) == (10, 6)


def test_settings_change_single_keys_in_every_stage():
    texts = [
        "epochs=3",
        "augmentation.noise_share=1",
        "augmentation.crops=[96]",
        "noise=street",
        "weights='int8'",
    ]
    for options in read_recipe("large", parse_settings(texts)):
        assert options.epochs == 3
        assert options.augmentation.noise_share == 1.0
        assert options.augmentation.crops == (96,)
        assert options.augmentation.mixup == 0.4
        assert (options.noise, options.weights) == ("street", "int8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 3", "unknown key epoch: choose among network, features"),
        ("augmentation.loud = 3", "unknown key augmentation.loud: choose among augmentation.crops"),
        ("epochs = 2.5", "epochs = 2.5: wrong type: give a value of type int"),
        ("epochs = true", "give a value of type int"),
        ("mixed_precision = 1", "give a value of type bool"),
        ("augmentation = 1", "augmentation is a table: set one of augmentation.crops"),
        ("augmentation.snr_db = [1]", r"give a list of 2, \[float"),
        ("cnn.widths = 3", r"give a list, \[int"),
        ("cnn.widths = ['a']", "give a value of type int"),
        ("weights = 'int4'", "weights = int4: not known: choose among float32"),
        ("stages = 1", r"write \[\[stages\]\]"),
        ("[[stages]]\n[[stages]]\nnetwork = 'whisper'", "network differs between stages"),
        ("epochs =", "not a recipe in TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_key(tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_recipe(str(tmp_path / "mine.toml"))


def test_unknown_recipes_and_settings_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no such recipe: choose fast or large, or give a TOML file"):
        read_recipe(str(tmp_path / "nowhere.toml"))
    with pytest.raises(UsageError, match="not of the form KEY=VALUE"):
        parse_settings(["epochs"])
    with pytest.raises(UsageError, match="--set: unknown key epoch"):
        read_recipe("fast", {"epoch": 3})
