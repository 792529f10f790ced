"""Faults in real worker processes: Python imports this when it starts with this folder on PYTHONPATH.

What a file does to the worker that decodes it is the first word of its name.
"""

import ctypes
import errno
import os
import signal
import time

import numpy as np

from ser_batch.audio.decoding import decode

healthy = decode.blocks
leaked = []
failed_before = set()


def allocate(megabytes):
    return [np.empty(1_000_000, np.uint8) for _ in range(megabytes)]


def blocks(path, mixer=None):
    fault = os.path.basename(path).partition("-")[0]
    if fault == "hang":
        time.sleep(600)
    elif fault == "gated":
        while not os.path.exists(os.path.join(os.path.dirname(path), "gate")):
            time.sleep(0.05)
    elif fault == "segfault":
        ctypes.string_at(0)
    elif fault == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "parricide":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    elif fault == "hungry":
        allocate(3_000)
    elif fault == "greedy":  # slowly, and it uses what it takes
        for _ in range(15):
            leaked.append(np.ones(100_000_000, np.uint8))
            time.sleep(0.1)
    elif fault == "leaky":
        leaked.append(allocate(300))
    elif fault == "stale":
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    sample_rate, audio = healthy(path, mixer)
    return sample_rate, flawed(fault, path, audio)


def flawed(fault, path, audio):
    for block in audio:
        yield block
        if fault == "slow":
            time.sleep(float(os.environ.get("SLOW_SECONDS", "0.3")))
        elif fault == "growing" or (fault == "grown" and path not in failed_before):
            failed_before.add(path)
            with open(path, "ab") as file:
                file.write(b"\0\0")
        elif fault == "vanishing":
            os.unlink(path)
        elif fault == "flaky" and path not in failed_before:
            failed_before.add(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO))


decode.blocks = blocks
