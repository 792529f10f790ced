"""The report: one HTML page from an annotate folder, which needs nothing else and no network."""
