"""`files.tsv` and `segments.tsv`: the same as CSV, separated by tabs."""

from pathlib import Path

from ser_batch.output.csv_tables import CsvTables
from ser_batch.output.schema import Schema


def writer(folder: Path, schema: Schema) -> CsvTables:
    """Write both tables."""
    return CsvTables(folder, schema, ".tsv", "\t")
