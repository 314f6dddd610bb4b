"""The studio's log: one JSON object a line, or plain text on a terminal; never a flood."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time

LINES, WINDOW_SECONDS = 20, 60.0  # of one place in the code, in a window
TRACE_CHARACTERS = 4000


class JsonLines(logging.Formatter):
    """{"time", "level", "logger", "message"} and what the record carries as `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)[-TRACE_CHARACTERS:]
        return json.dumps(line)


class Throttle(logging.Filter):
    """Lets 20 lines a minute pass from one place in the code, and then says how many it left
    out, so that no stranger can fill the disk with errors."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, int], tuple[float, int]] = {}  # when it began, lines

    def filter(self, record: logging.LogRecord) -> bool:
        place = record.pathname, record.lineno
        with self._lock:
            now = time.monotonic()
            began, count = self._windows.get(place, (now, 0))
            if now - began > WINDOW_SECONDS:
                if count > LINES:
                    record.msg = f"{record.getMessage()} ({count - LINES} more like it left out)"
                    record.args = ()
                began, count = now, 0
            self._windows[place] = began, count + 1
            return count < LINES


def configure() -> None:
    """Send everything at INFO and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    terminal = sys.stderr.isatty()
    handler.setFormatter(logging.Formatter("%(message)s") if terminal else JsonLines())
    handler.addFilter(Throttle())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("httpx", "httpx2", "asyncio", "uvicorn", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
