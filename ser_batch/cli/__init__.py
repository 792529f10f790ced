"""Command line: one module for each command, imported when the command is called."""

import difflib
from importlib import import_module

import click

from ser_batch.cli.events import LOG_JSON, emit
from ser_batch.errors import SerBatchError
from ser_batch.runs.exit_codes import INTERRUPTED
from ser_batch.version import __version__

COMMANDS = {
    "annotate": "Label the emotion in each file and segment.",
    "merge": "Join the shards of a job array into one run.",
    "report": "Write one HTML page that shows the annotations.",
    "audit": "Listen to a sample of what was annotated, and label it.",
    "calibrate": "Tell what the labels are worth, and calibrate them, by recordings that people labelled.",
    "explore": "Show a corpus before training, as a page.",
    "train": "Train a model on a labelled corpus.",
    "evaluate": "Measure a model on a labelled corpus.",
    "features": "Compute the feature table of a corpus for training.",
    "models": "List the bundled models, or show one model's card.",
}


class Commands(click.Group):
    """Group that imports a command when it is needed and shows errors of the user without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"ser_batch.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest a similar name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; show an error as a message, or as an event of `--log-json`."""
        as_json = "--log-json" in ctx.args  # for usage errors; a --config file can set the option, too
        try:
            return super().invoke(ctx)
        except (SerBatchError, click.ClickException, KeyboardInterrupt) as error:
            shown = _shown(error)
            if as_json or ctx.meta.get(LOG_JSON):
                emit("error", message=shown.format_message(), exit_code=shown.exit_code)
                ctx.exit(shown.exit_code)
            raise shown from error


def _shown(error: BaseException) -> click.ClickException:
    """The exception that click shows without a traceback."""
    if isinstance(error, click.ClickException):
        return error
    shown = click.ClickException(str(error) or "interrupted")
    shown.exit_code = getattr(error, "exit_code", INTERRUPTED)  # type: ignore[misc]
    return shown


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Example: ser-batch annotate recordings -o annotations",
)
@click.version_option(__version__, prog_name="ser-batch")
def main() -> None:
    """Annotate emotion in speech: a folder of audio in, tables of labels with calibrated probabilities out."""
