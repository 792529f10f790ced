"""The exceptions that are shown to the user as a message instead of a traceback."""


class SerBatchError(Exception):
    """Something the user can mend: the message names the thing, says what is wrong and what to do."""

    exit_code = 1


class UsageError(SerBatchError):
    """What was asked for makes no sense: an unknown model, a window longer than the model's."""

    exit_code = 2
