"""A system without the functions of Linux: Python imports this when it starts with this folder on PYTHONPATH.

It hides what macOS or Windows lack, so that the other branch of the code runs here, in all child processes, too.
"""

import ctypes
import os
import resource
import runpy
import signal
import sys

sys.modules["fcntl"] = None
del os.sched_getaffinity, signal.pthread_sigmask, resource.RLIMIT_DATA  # psutil needs the module


class Library(ctypes.CDLL):
    def __init__(self, name, *arguments, **options):
        if name is None:
            raise TypeError("no library of the process itself")
        super().__init__(name, *arguments, **options)


ctypes.CDLL = Library
if "ALSO_FAULTS" in os.environ:
    runpy.run_path(os.path.join(os.environ["ALSO_FAULTS"], "sitecustomize.py"))
