"""The Ray engine: actors on the nodes of a cluster, and a private local cluster."""
