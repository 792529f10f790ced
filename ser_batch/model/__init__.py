"""The network: its training, its evaluation, the bundle that it ships in, and the runtime that annotates with it."""
