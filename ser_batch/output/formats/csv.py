"""`files.csv` and `segments.csv`: tables separated by commas."""

from functools import partial

from ser_batch.output.csv_table import CsvTable
from ser_batch.output.two_tables import TwoTables

writer = partial(TwoTables, suffix=".csv", table=CsvTable)
