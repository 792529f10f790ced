"""One run of `annotate`: plan, journal, lock, shards, tables, run.json."""
