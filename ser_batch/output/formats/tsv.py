"""`files.tsv` and `segments.tsv`: the same as CSV, separated by tabs."""

from pathlib import Path

from ser_batch.output.csv_tables import csv_tables
from ser_batch.output.schema import Schema
from ser_batch.output.two_tables import TwoTables


def writer(folder: Path, schema: Schema) -> TwoTables:
    """Write both tables."""
    return csv_tables(folder, schema, ".tsv", "\t")
