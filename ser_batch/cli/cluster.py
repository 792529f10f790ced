"""The options of `annotate` for a Ray cluster."""

import re
from collections.abc import Callable

import click

ADDRESS = re.compile(r"local|auto|ray://\S+|[^/\s]+:\d+")


def _checked(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """`--ray PATH` was meant to be `PATH --ray`."""
    if value is None or ADDRESS.fullmatch(value):
        return value
    raise click.BadParameter(
        f"{value!r} is no address: give auto, HOST:PORT or ray://HOST:PORT, or put --ray behind the paths"
    )


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Add them to a command."""
    for option in (
        click.option(
            "--ray-ship-files",
            is_flag=True,
            help="Send the bytes of files that the nodes cannot see.",
        ),
        click.option(
            "--ray-runtime-env",
            metavar="FILE|JSON",
            help="Ray's runtime environment, for nodes without ser-batch: py_modules, pip, env_vars.",
        ),
        click.option(
            "--ray-cpus-per-actor",
            type=click.FloatRange(min=0, min_open=True),
            default=1.0,
            show_default=True,
            metavar="CPUS",
            help="CPUs that each actor reserves.",
        ),
        click.option(
            "--ray-actors",
            type=click.IntRange(min=1),
            metavar="N",
            help="Actors; by default as many as the cluster's CPUs allow, also when nodes are added.",
        ),
        click.option(
            "--ray",
            is_flag=False,
            flag_value="local",
            callback=_checked,
            metavar="[ADDRESS]",
            help="Work on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT; without it, a private one.",
        ),
    ):
        command = option(command)
    return command
