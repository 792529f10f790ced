"""Worker time by stage: processor time of each stage, and time spent waiting."""

import time

# waiting: for the disk, the network, FFmpeg, or a core in use by others
STAGES = ("waiting", "decode", "denoise", "features", "voice", "network", "other")


class Stopwatch:
    """Divides the time of a thread among `STAGES`."""

    def __init__(self) -> None:
        """Start."""
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._wall, self._busy = time.perf_counter(), time.thread_time()

    def lap(self, stage: str) -> None:
        """Add the processor time since the last call to a stage, and the remaining time to `waiting`."""
        wall, busy = time.perf_counter(), time.thread_time()
        computed = busy - self._busy
        self._seconds[stage] += computed
        self._seconds["waiting"] += max(0.0, wall - self._wall - computed)
        self._wall, self._busy = wall, busy

    def seconds(self) -> tuple[float, ...]:
        """Seconds until now, in the order of `STAGES`."""
        return tuple(self._seconds.values())
