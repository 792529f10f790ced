"""The report: one self-contained HTML page from an output folder of `annotate`; it needs no network."""
