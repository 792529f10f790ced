"""The schema of the tables, and one writer a format."""
