"""A pseudo-terminal that runs the real command."""

import os
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl


class Terminal:
    """A process with a terminal of its own, and all that it has shown."""

    def __init__(self, *command, columns=100, **environment):
        self.master, slave = os.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
        self.process = subprocess.Popen(
            list(map(str, command)),
            preexec_fn=lambda: os.login_tty(slave),
            pass_fds=[slave],
            env={**plain, "TERM": "xterm-256color", **environment},
        )
        os.close(slave)
        self.shown = ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait_for(self, text, seconds=30):
        """Read until a text has been shown."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < end, f"no {text!r} in {self.shown!r}"
            assert self._read(end - time.monotonic()), f"it ended without {text!r}: {self.shown!r}"

    def end(self, seconds=60):
        """Read until it ends; its exit code."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            assert time.monotonic() < end, self.shown
        os.close(self.master)
        return self.process.wait(10)

    def _read(self, seconds):
        if not select.select([self.master], [], [], max(0, seconds))[0]:
            return True
        try:
            data = os.read(self.master, 65_536)
        except OSError:  # its last process has closed it
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
