"""Options of `annotate` for a Ray cluster."""

import re
from collections.abc import Callable
from functools import reduce

import click

ADDRESS = re.compile(r"local|auto|ray://\S+|[^/\s]+:\d+")


def _checked(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse a path: in `--ray PATH`, click takes PATH for the address."""
    if value is None or ADDRESS.fullmatch(value):
        return value
    raise click.BadParameter(
        f"{value!r} is no address: give auto, HOST:PORT or ray://HOST:PORT, or put --ray behind the paths"
    )


OPTIONS = (
    click.option(
        "--ray",
        is_flag=False,
        flag_value="local",
        callback=_checked,
        metavar="[ADDRESS]",
        help="Run on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT; without an address, on a private one.",
    ),
    click.option(
        "--ray-actors",
        type=click.IntRange(min=1),
        metavar="N",
        help="Number of actors; by default as many as the CPUs of the cluster allow, also when nodes are added.",
    ),
    click.option(
        "--ray-cpus-per-actor",
        type=click.FloatRange(min=0, min_open=True),
        default=1.0,
        metavar="CPUS",
        help="CPUs that each actor reserves.",
    ),
    click.option(
        "--ray-runtime-env",
        metavar="FILE|JSON",
        help="Runtime environment of Ray for nodes without ser-batch: py_modules, pip, env_vars.",
    ),
    click.option(
        "--ray-ship-files", is_flag=True, help="Send the bytes of files that the nodes cannot read."
    ),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command."""
    return reduce(lambda decorated, option: option(decorated), reversed(OPTIONS), command)
