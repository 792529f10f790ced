"""Where a worker's time goes: the processor's by stage of the work, and what passed without it."""

import time

# waiting: for the disk, the network, FFmpeg, or a core that something else uses
STAGES = ("waiting", "decode", "denoise", "features", "network", "other")


class Stopwatch:
    """Shares the time of a thread among `STAGES`."""

    def __init__(self) -> None:
        """Start."""
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._wall, self._busy = time.perf_counter(), time.thread_time()

    def lap(self, stage: str) -> None:
        """What was computed since the last lap belongs to a stage."""
        wall, busy = time.perf_counter(), time.thread_time()
        computed = busy - self._busy
        self._seconds[stage] += computed
        self._seconds["waiting"] += max(0.0, wall - self._wall - computed)
        self._wall, self._busy = wall, busy

    def seconds(self) -> tuple[float, ...]:
        """So far, in the order of `STAGES`."""
        return tuple(self._seconds.values())
