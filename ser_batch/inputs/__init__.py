"""Input files: search in directories, lists and manifests, URLs, and local copies of remote files."""
