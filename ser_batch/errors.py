"""Errors that the command line shows as a message without a traceback."""


class SerBatchError(Exception):
    """An error that the user can correct. Its message has the form `WHAT: what is wrong: what to do`."""

    exit_code = 1


class UsageError(SerBatchError):
    """Invalid arguments, such as an unknown model or a window longer than the model's."""

    exit_code = 2
