"""Whether something takes connections at a port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from engine.core.policy import Model
from engine.core.probing import Finding
from integrations.channels.outbound import Refusal, refusal
from integrations.probes.resolving import Resolver
from integrations.probes.wording import connection_fault, lookup_fault


class Settings(Model):
    """A host and a port."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    allow_link_local: bool = False
    """Permit link-local and cloud metadata addresses."""


class Tcp:
    """The connection is closed again at once; nothing is sent."""

    name = "tcp"
    title = "TCP connection"
    settings: type[BaseModel] = Settings

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def run(self, settings: Settings, now: datetime) -> Finding:
        del now
        time = asyncio.get_running_loop().time
        begun, refused = time(), refusal(link_local=settings.allow_link_local, private=True)
        place = f"{settings.host}:{settings.port}"
        try:
            addresses = await self._resolver.addresses(settings.host)
        except OSError as error:
            return Finding(ok=False, up=False, reason=f"{place}: {lookup_fault(error)}")
        try:
            await _connect(settings.host, addresses, settings.port, refused)
        except OSError as error:
            return Finding(ok=False, up=False, reason=f"{place}: {connection_fault(error)}")
        values = {"response_time_seconds": round(time() - begun, 6)}
        return Finding(ok=True, reason=f"{place} takes connections", values=values)


async def _connect(host: str, addresses: Sequence[str], port: int, refused: Refusal) -> None:
    """To all addresses at once, for one that swallows packets must not use up the others' time; the first that is
    there will do. Raises OSError, that of the first address."""
    if reason := refused(host) or next(filter(None, map(refused, addresses)), None):
        raise PermissionError(reason)
    tries = [asyncio.create_task(_try(address, port)) for address in addresses]
    try:
        for ended in asyncio.as_completed(tries):
            if await ended is None:
                return
    finally:
        for one in tries:
            one.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    raise tries[0].result() or OSError()


async def _try(address: str, port: int) -> OSError | None:
    """Why there is no connection; None where there is one."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        return error
    writer.transport.abort()
    return None
