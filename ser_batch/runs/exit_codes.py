"""The exit codes of `ser-batch`."""

OK = 0  # every input was annotated
FAILED = 1  # nothing was annotated, or the run could not go on: too many failures, a full disk
USAGE = 2  # wrong options or arguments
PARTLY_FAILED = 3  # the run is finished; some inputs failed, or a merge lacks shards
INTERRUPTED = 130  # Ctrl-C or SIGTERM; the same command resumes the run
