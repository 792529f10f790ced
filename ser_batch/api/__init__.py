"""Python API: functions that import heavy packages only when they are called."""
