"""Recipes: training options in TOML files, one or more stages each. `fast` and `large` ship with the package."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ser_batch.errors import UsageError
from ser_batch.training.options import TrainOptions

RECIPES = Path(__file__).parent / "recipes"
STAGES = "stages"
ALIKE = ("network", "features", "cnn", "classifier")  # of all stages: their networks share the weights

Stages = tuple[TrainOptions, ...]


def read_recipe(name_or_file: str, settings: Mapping[str, Any] | None = None) -> Stages:
    """Read a recipe.

    Args:
        name_or_file: a shipped recipe's name, or a TOML file: keys are the fields of `TrainOptions`, and each table of
            the array `stages` changes some of them for one stage.
        settings: values for single keys, such as `{"augmentation.noise_share": 0.35}`, in every stage.

    Returns:
        The options of each stage.

    Raises:
        UsageError: no such recipe, not TOML, an unknown key, or a value of the wrong type.
    """
    shipped = {file.stem: file for file in sorted(RECIPES.glob("*.toml"))}
    path = shipped.get(name_or_file, Path(name_or_file))
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{name_or_file}: no such recipe: choose {' or '.join(shipped)}, or give a TOML file"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a recipe in TOML ({error}): correct the file") from error
    return from_entries(entries, str(path), settings or {})


def from_entries(entries: Mapping[str, Any], where: str, settings: Mapping[str, Any]) -> Stages:
    """The stages of a recipe's entries; `where` names the file in error messages, the rest is as for `read_recipe`."""
    tables = entries.get(STAGES, [{}])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{where}: stages is not an array of tables: write [[stages]] before each stage")
    common = changed(TrainOptions(), {key: value for key, value in entries.items() if key != STAGES}, where)
    stages = []
    for table in tables:
        options = changed(common, table, where)
        for key, value in settings.items():
            options = changed(options, _nested(key, value), "--set")
        stages.append(options)
    for key in ALIKE:
        if any(getattr(options, key) != getattr(stages[0], key) for options in stages):
            raise UsageError(f"{where}: {key} differs between stages: give it once, above [[stages]]")
    return tuple(stages)


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Settings from the texts of `--set KEY=VALUE`; a value is written as in TOML, a string also without quotes.

    Raises:
        UsageError: a text without `=`.
    """
    settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text}: not of the form KEY=VALUE: write, for example, --set epochs=10")
        try:
            settings[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            settings[key.strip()] = value
    return settings


def changed(options: Any, entries: Mapping[str, Any], where: str, prefix: str = "") -> Any:
    """Options, a dataclass, with some fields changed; an entry that is a table changes fields of fields.

    Raises:
        UsageError: an unknown key, or a value of the wrong type; `where` and `prefix` tell which.
    """
    hints = get_type_hints(type(options))
    values = {}
    for key, value in entries.items():
        name, old = prefix + key, getattr(options, key, None)
        if key not in hints:
            raise UsageError(
                f"{where}: unknown key {name}: choose among {', '.join(prefix + k for k in hints)}"
            )
        if dataclasses.is_dataclass(old):
            if not isinstance(value, Mapping):
                known = ", ".join(f"{name}.{k}" for k in get_type_hints(type(old)))
                raise UsageError(f"{where}: {name} is a table: set one of {known}")
            values[key] = changed(old, value, where, f"{name}.")
        else:
            values[key] = _checked(value, hints[key], f"{where}: {name} = {value}")
    return dataclasses.replace(options, **values)


def _checked(value: Any, kind: Any, what: str) -> Any:
    """A value of TOML as the field's type; an integer may stand for a float."""
    kinds = get_args(kind)
    if kinds:
        if not isinstance(value, list) or (Ellipsis not in kinds and len(value) != len(kinds)):
            length = "" if Ellipsis in kinds else f" of {len(kinds)}"
            raise UsageError(f"{what}: wrong type: give a list{length}, [{kinds[0].__name__}, …]")
        return tuple(_checked(each, kinds[0], what) for each in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{what}: wrong type: give a value of type {kind.__name__}")
    return value


def _nested(key: str, value: Any) -> dict[str, Any]:
    """`{"a": {"b": value}}` for the key `a.b`."""
    first, dot, rest = key.partition(".")
    return {first: _nested(rest, value) if dot else value}
