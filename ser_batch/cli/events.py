"""Events of `--log-json`: one JSON object for each line, on stderr."""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

LOG_JSON = "ser_batch.log_json"  # key of the option in the metadata of a click context


def emit(event: str, **fields: Any) -> None:
    """Write an event; a closed stderr does not stop the run."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with suppress(OSError):
        print(json.dumps({"time": now, "event": event, **fields}, default=str), file=sys.stderr, flush=True)
