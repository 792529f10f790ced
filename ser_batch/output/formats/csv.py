"""`files.csv` and `segments.csv`: tables separated by commas."""

from ser_batch.output.csv_tables import csv_tables

writer = csv_tables
