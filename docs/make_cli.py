"""Script that writes docs/cli.md from the help of the commands: `python docs/make_cli.py > docs/cli.md`."""

from collections.abc import Iterator

import click

from ser_batch.cli import main

HEAD = """\
<!-- Made by `python docs/make_cli.py > docs/cli.md` from the help of the commands: change that, and run it again. -->
# Commands

Every command has `-h` and `--help`. [Annotating](annotate.md) explains configurations, dry runs, events for programs
and completion by the shell.
"""


def reference() -> Iterator[str]:
    """The page, paragraph by paragraph."""
    yield HEAD
    group = main.make_context("ser-batch", [], resilient_parsing=True)
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command
        ctx = click.Context(command, info_name=name, parent=group)
        yield f"## {name}\n"
        yield f"    {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}\n"
        yield "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n")) + "\n"
        options = (option for option in command.params if isinstance(option, click.Option))
        records = filter(None, (option.get_help_record(ctx) for option in options))
        yield "\n".join(f"- `{names}`: {' '.join(help_text.split())}" for names, help_text in records) + "\n"
        yield (command.epilog or "").replace("Example: ", "Example:\n\n    ") + "\n"


if __name__ == "__main__":
    print("\n".join(reference()).rstrip())
