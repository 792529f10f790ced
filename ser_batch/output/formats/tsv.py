"""`files.tsv` and `segments.tsv`: the CSV tables, separated by tabs."""

from functools import partial

from ser_batch.output.csv_table import CsvTable
from ser_batch.output.two_tables import TwoTables

writer = partial(TwoTables, suffix=".tsv", table=partial(CsvTable, separator="\t"))
