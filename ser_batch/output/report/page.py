"""The report's page."""

from pathlib import Path

from ser_batch.output.html_page import write_page
from ser_batch.output.report.gather import gather


def write_report(folder: Path, path: Path | None = None) -> Path:
    """Write the report of an output folder to `path`, by default `report.html` in the folder; return the path.

    Raises:
        SerBatchError: a table is missing or damaged, or the page cannot be written.
    """
    path = path or folder / "report.html"
    data = gather(folder, path.absolute().parent)
    write_page(path, Path(__file__).with_name("report.html"), data["folder"], data)
    return path
