"""Whether a name resolves, and to what."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Annotated

from pydantic import BaseModel, Field

from engine.core.policy import Model
from engine.core.probing import Finding
from integrations.probes.resolving import Resolver
from integrations.probes.wording import lookup_fault

SHOWN = 5


class Family(StrEnum):
    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


FAMILIES = {Family.ANY: socket.AF_UNSPEC, Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}


class Settings(Model):
    """A name, looked up as this machine looks names up, /etc/hosts included."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """The name."""
    family: Family = Family.ANY
    """Which addresses are asked for."""
    expect: tuple[IPv4Network | IPv6Network, ...] = ()
    """Addresses or networks, like 192.0.2.10 or 192.0.2.0/24; every answer has to be within one of them."""


class Dns:
    """An answer that is not expected is a failure as none is: names that were taken over still resolve."""

    name = "dns"
    title = "Name lookup"
    settings: type[BaseModel] = Settings

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def run(self, settings: Settings, now: datetime) -> Finding:
        del now
        time = asyncio.get_running_loop().time
        begun = time()
        try:
            found = await self._resolver.addresses(settings.host, FAMILIES[settings.family])
        except OSError as error:
            return Finding(ok=False, up=False, reason=f"{settings.host}: {lookup_fault(error)}")
        values = {"response_time_seconds": round(time() - begun, 6)}
        odd = [address for address in found if not _expected(address, settings.expect)]
        if odd:
            reason = f"{settings.host} resolves to {_listed(odd)}, which is not expected"
            return Finding(ok=False, up=False, reason=reason, values=values)
        return Finding(ok=True, reason=f"{settings.host} resolves to {_listed(found)}", values=values)


def _expected(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    own = ip_address(address.partition("%")[0])
    wanted = list(networks)
    return not wanted or any(own.version == one.version and own in one for one in wanted)


def _listed(addresses: list[str]) -> str:
    more = len(addresses) - SHOWN
    return ", ".join(addresses[:SHOWN]) + (f" and {more} more" if more > 0 else "")
