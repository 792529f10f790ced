"""Command `ser-batch models`."""

import click


@click.command(epilog="Example: ser-batch models crema-d-large")
@click.argument("name", required=False, metavar="[NAME|DIR]")
def command(name: str | None) -> None:
    """List the bundled models, or show the full card of one model.

    NAME is a bundled model, or `voice`, the voice detector; DIR is the folder of a model.
    """
    from rich.console import Console

    from ser_batch.evaluation import terminal_tables
    from ser_batch.model.bundle import VOICE, bundled, load_bundle, load_voice

    console = Console()
    if name is None:
        console.print(terminal_tables.bundles_table([bundle.card for bundle in bundled()]))
    elif name == VOICE:
        console.print(*terminal_tables.voice_tables(load_voice().card))
    else:
        console.print(*terminal_tables.card_tables(load_bundle(name).card))
