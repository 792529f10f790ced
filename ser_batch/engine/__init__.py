"""Running the pipeline over many files: worker, processes, journal, tables."""
