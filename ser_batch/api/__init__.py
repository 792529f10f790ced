"""The Python API. Its modules load nothing heavy until their functions are called."""
