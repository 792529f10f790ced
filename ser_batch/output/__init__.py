"""Output: the schema of the tables, one writer for each format, the report."""
