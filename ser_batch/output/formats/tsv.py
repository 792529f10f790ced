"""`files.tsv`, `segments.tsv` and `speech.tsv`: the CSV tables, separated by tabs."""

from functools import partial

from ser_batch.output.csv_table import CsvTable
from ser_batch.output.tables import Tables

writer = partial(Tables, suffix=".tsv", table=partial(CsvTable, separator="\t"))
