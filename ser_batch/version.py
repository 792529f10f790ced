"""The version of ser-batch."""

__version__ = "0.2.0"
