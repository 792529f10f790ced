"""`--config` and `--save-config`: the options of a command in a TOML file, under their long names."""

import difflib
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

# Options for one call. A saved --restart, for example, would delete the results of an interrupted run.
NOT_SAVED = {"config", "save-config", "restart", "resume", "dry-run"}


def configurable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add both options to a command."""

    @click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_load,
        metavar="FILE",
        help="Read options from this TOML file; options on the command line have priority.",
    )
    @click.option(
        "--save-config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the given options to a file for --config, then continue.",
    )
    @wraps(function)
    def command(*arguments: Any, save_config: Path | None, **options: Any) -> Any:
        if save_config:
            _save(click.get_current_context(), save_config)
        return function(*arguments, **options)

    return command


def _settable(command: click.Command) -> dict[str, click.Option]:
    """The options that a file can hold, by their long names."""
    options = (option for option in command.params if isinstance(option, click.Option))
    named = {next(name[2:] for name in each.opts if name.startswith("--")): each for each in options}
    return {name: option for name, option in named.items() if name not in NOT_SAVED}


def _load(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Use the values of a file as defaults."""
    import tomllib

    if path is None:
        return
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
        ctx.default_map = dict(_default(ctx, name, value) for name, value in entries.items())
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path}: {error}", ctx, param) from error
    except click.BadParameter as error:
        raise click.BadParameter(f"{path}: {error.message}", ctx, param) from error


def _default(ctx: click.Context, name: str, value: Any) -> tuple[str, Any]:
    """An option's parameter and its checked value."""
    known = _settable(ctx.command)
    if name in NOT_SAVED:
        raise click.BadParameter(f"{name} works on the command line alone: delete it from the file")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise click.BadParameter(
            f"there is no option {name}" + (f"; did you mean {near[0]}?" if near else "")
        )
    option = known[name]
    if isinstance(value, bool) != option.is_flag:
        raise click.BadParameter(
            f"{name}: wrong type: give {'true or false' if option.is_flag else 'a value'}"
        )
    value = [value] if option.multiple and not isinstance(value, list) else value
    try:
        option.type_cast_value(ctx, value)
    except click.BadParameter as error:
        raise click.BadParameter(f"{name}: {error.message}") from error
    return str(option.name), value


def _save(ctx: click.Context, path: Path) -> None:
    """Write the options that the command line and a file have given."""
    lines = [f"# ser-batch {ctx.info_name} --config {path.name}"]
    for name, option in _settable(ctx.command).items():
        if ctx.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT:
            lines.append(f"{name} = {_toml(ctx.params[str(option.name)])}")
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path}: cannot be written ({error}): choose another file") from error


def _toml(value: Any) -> str:
    """A value in TOML: the notation of JSON, except for infinite numbers."""
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)
