"""Ctrl-C and SIGTERM during a run: stop at once, or after the files in work."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ser_batch.runs.summary import Summary

INTERRUPT = signal.SIGINT
TERMINATE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def interruptible(summary: Summary) -> Iterator[None]:
    """Ctrl-C or SIGTERM ends this context at once and is noted in the summary: the journal is complete."""
    try:
        with _handling(signal.default_int_handler, TERMINATE):
            yield
    except KeyboardInterrupt:
        summary.interrupted = True


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Ctrl-C or SIGTERM sets the event; a second Ctrl-C raises KeyboardInterrupt."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped.is_set() and number == INTERRUPT:
            raise KeyboardInterrupt
        stopped.set()

    with _handling(stop, (INTERRUPT, *TERMINATE)):
        yield stopped


@contextmanager
def _handling(
    handler: Callable[[int, FrameType | None], None], signals: tuple[signal.Signals, ...]
) -> Iterator[None]:
    """Handle signals, if this is the main thread: Python allows it in no other."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
