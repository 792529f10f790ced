"""`files.tsv` and `segments.tsv`: the CSV tables, separated by tabs."""

from functools import partial

from ser_batch.output.csv_tables import csv_tables

writer = partial(csv_tables, suffix=".tsv", separator="\t")
