"""Labelled corpora: readers, label mappings, feature tables, and joining of several corpora."""
