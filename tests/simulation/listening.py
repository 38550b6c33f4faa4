"""What the engines log as broken. They go on after it, so nothing else might show that a rule or a query failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

SPLIT = "batch_split"


@contextmanager
def listening() -> Iterator[list[str]]:
    """Silences the log, and keeps what ought never to be in it."""
    heard: list[str] = []

    def keep(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in ("error", "critical", "exception") or str(event.get("event", "")).endswith(SPLIT):
            heard.append(repr({name: value for name, value in event.items() if name != "exc_info"}))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield heard
    finally:
        structlog.configure(**before)
