"""Entry point of `python -m ser_batch`, the same as `ser-batch`."""

from ser_batch.cli import main

if __name__ == "__main__":
    main(prog_name="ser-batch")
