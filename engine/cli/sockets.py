"""Where the server listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from engine.config.settings import Settings
from engine.core.errors import Refusal

BACKLOG = 2048
"""Connections that may wait to be accepted: an alert storm comes all at once."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


@contextmanager
def listener(host: str, port: int) -> Iterator[socket.socket]:
    """Raises Refusal where the address can't be had."""
    try:
        [(family, *_), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno) if isinstance(error.errno, int) and error.errno > 0 else error.strerror
        raise Refusal("address_not_free", f"can't listen on {host}, port {port}: {why}") from error
    with sock:
        yield sock


def addressed(settings: Settings, sock: socket.socket) -> Settings:
    """The settings with where it really listens; people's own address for it stays as they gave it."""
    host, port = sock.getsockname()[:2]
    found: dict[str, object] = {"host": host, "port": port}
    if "base_url" not in settings.model_fields_set:
        found["base_url"] = local_address(host, port)
    return settings.model_copy(update=found)


def local_address(host: str, port: int) -> str:
    """As this machine reaches it."""
    host = WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
