"""Entry point of `ser-batch` and of `python -m ser_batch`."""

import os
import signal


def main() -> None:
    """Run the command line. Ctrl-C while it is imported ends the process without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    from ser_batch.cli import main as command_line

    signal.signal(signal.SIGINT, before)
    command_line(prog_name="ser-batch")


if __name__ == "__main__":
    main()
