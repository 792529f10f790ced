"""`files.csv` and `segments.csv`."""

from ser_batch.output.csv_tables import csv_tables

writer = csv_tables
