"""Command `ser-batch report`."""

from pathlib import Path

import click

from ser_batch.cli import shared


@click.command(epilog="Example: ser-batch report annotations --open")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page; by default report.html in DIR.",
)
@click.option(
    "--audio",
    metavar="DIR|URL",
    help="Folder of the recordings, if they have moved since they were annotated.",
)
@click.option(
    "--embed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Put the audio of the N least certain files into the page, at most 60 s of each.",
)
@shared.open_page
def command(folder: Path, output: Path | None, audio: str | None, embed: int, open_it: bool) -> None:
    """Write one HTML page that shows the annotations in DIR: to view, search and play.

    DIR is an output folder of `annotate`, with files.csv, segments.csv, failures.csv and run.json. The page needs
    only a browser.
    """
    from ser_batch.output.report.page import write_report

    sounds: dict[str, bytes] = {}
    if embed:
        from ser_batch.runs.report_audio import embedded_audio

        sounds, unreadable = embedded_audio(folder, embed, audio)
        for message in unreadable:
            click.echo(f"Warning: {message}", err=True)
    page = write_report(folder, output, audio, sounds)
    shared.show_page(page, open_it)
