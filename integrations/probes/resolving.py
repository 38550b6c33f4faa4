"""Names to addresses, in threads of our own.

Whoever asks the system's resolver waits for it in a thread that nobody can stop, and a name server that hangs must not
keep the rest of the engine waiting.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 64
"""Lookups at once. One that hangs holds its thread until the system's resolver gives up, some 10 to 20 s."""


class Resolver(AbstractResolver):
    """By the machine's own configuration, /etc/hosts included. Threads are started as they are needed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="probe-lookup")

    async def addresses(self, host: str, family: int = socket.AF_UNSPEC) -> list[str]:
        """Each once, in the order in which they are to be used. Raises OSError where there is none."""
        if family == socket.AF_UNSPEC and _is_address(host):
            return [host]
        found = await asyncio.get_running_loop().run_in_executor(self._pool, _look_up, host, family)
        return list(dict.fromkeys(address for _, address in found))

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """For aiohttp."""
        found = await asyncio.get_running_loop().run_in_executor(self._pool, _look_up, host, family)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in dict.fromkeys(found)
        ]

    async def close(self) -> None:
        """It outlives the sessions that use it."""


def _look_up(host: str, family: int) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that is empty or too long is refused before anybody is asked
        raise socket.gaierror(socket.EAI_NONAME, "no name that could be looked up") from None
    return [(kind, str(place[0])) for kind, _, _, _, place in found]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
