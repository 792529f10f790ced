"""`--config` and `--save-config`: a command's options in a TOML file, by their names on the command line."""

import difflib
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

# What is said once, not each time: a saved --restart would forget what an interrupted run has done.
ONCE = {"config", "save-config", "restart", "resume", "dry-run"}


def configurable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the two options."""

    @click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_load,
        metavar="FILE",
        help="Take options from this TOML file; those on the command line go before.",
    )
    @click.option(
        "--save-config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the options that are given to a file for --config, and go on.",
    )
    @wraps(function)
    def command(*arguments: Any, save_config: Path | None, **options: Any) -> Any:
        if save_config:
            _save(click.get_current_context(), save_config)
        return function(*arguments, **options)

    return command


def _settable(command: click.Command) -> dict[str, click.Option]:
    """The options that a file may hold, by their long names."""
    options = (option for option in command.params if isinstance(option, click.Option))
    named = {next(name[2:] for name in each.opts if name.startswith("--")): each for each in options}
    return {name: option for name, option in named.items() if name not in ONCE}


def _load(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Make a file's values the defaults."""
    import tomllib

    if path is None:
        return
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path}: {error}", ctx, param) from error
    known = _settable(ctx.command)
    defaults = {}
    for name, value in entries.items():
        if name in ONCE:
            raise click.BadParameter(f"{path}: {name} is for the command line alone", ctx, param)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise click.BadParameter(f"{path}: there is no option {name}{hint}", ctx, param)
        option = known[name]
        if isinstance(value, bool) != option.is_flag:
            wanted = "true or false" if option.is_flag else "a value"
            raise click.BadParameter(f"{path}: {name} takes {wanted}", ctx, param)
        if option.multiple and not isinstance(value, list):
            value = [value]
        try:
            option.type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise click.BadParameter(f"{path}: {name}: {error.message}", ctx, param) from error
        defaults[str(option.name)] = value
    ctx.default_map = defaults


def _save(ctx: click.Context, path: Path) -> None:
    """Write what the command line and a file have given."""
    lines = [f"# ser-batch {ctx.info_name} --config {path.name}"]
    for name, option in _settable(ctx.command).items():
        if ctx.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT:
            lines.append(f"{name} = {_toml(ctx.params[str(option.name)])}")
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path} cannot be written: {error}") from error


def _toml(value: Any) -> str:
    """A value of an option in TOML, which spells it as JSON does, but for infinity."""
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)
