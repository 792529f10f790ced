"""`files.csv` and `segments.csv`."""

from ser_batch.output.csv_tables import CsvTables

writer = CsvTables
