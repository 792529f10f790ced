"""From a file to the network's input: pure functions on arrays."""
