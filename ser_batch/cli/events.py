"""`--log-json`: what happens, as one JSON object a line on stderr."""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

LOG_JSON = "ser_batch.log_json"  # where a context keeps whether it is asked for


def emit(event: str, **fields: Any) -> None:
    """Write an event; a run does not end because nobody can read it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with suppress(OSError):
        print(json.dumps({"time": now, "event": event, **fields}, default=str), file=sys.stderr, flush=True)
