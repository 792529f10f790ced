"""The audit page, and an audit on the terminal."""
