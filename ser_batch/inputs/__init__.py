"""Finding audio files: walk, lists, URLs, remote stores, local copies."""
