"""`files.csv`, `segments.csv` and `speech.csv`: tables separated by commas."""

from functools import partial

from ser_batch.output.csv_table import CsvTable
from ser_batch.output.tables import Tables

writer = partial(Tables, suffix=".csv", table=CsvTable)
