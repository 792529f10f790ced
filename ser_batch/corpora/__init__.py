"""Finding audio files, and reading labelled corpora."""
