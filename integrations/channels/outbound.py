"""Connections to addresses that come from the configuration, kept away from where no page belongs.

On a cloud machine the link-local addresses answer with the machine's own credentials. They are refused at the last
moment, when the socket is made for one address, so that neither a number instead of a name nor a name that resolves
differently the second time gets through.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import aiohttp
from aiohttp.abc import AbstractResolver

METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
METADATA_ADDRESSES = frozenset(
    ip_address(address)
    for address in (
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google over IPv6
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle
    )
)
NAT64 = IPv6Network("64:ff9b::/96")

Refusal = Callable[[str], str | None]


def refusal(*, link_local: bool, private: bool) -> Refusal:
    """What says of a host name or address why no connection is made to it; None for one that is allowed."""

    def refused(host: str) -> str | None:
        if not link_local and host.lower().rstrip(".") in METADATA_HOSTS:
            return "is a cloud's metadata service"
        address = _address(host)
        if address is None:
            return None
        if not link_local and (address.is_link_local or address in METADATA_ADDRESSES):
            return "is a link-local or metadata address"
        if not private and not address.is_global:
            return "is not a public address"
        return None

    return refused


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a connection would really go to: IPv4 in its IPv6 clothes is IPv4. None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def guarded_session(
    refused: Refusal,
    timeout: aiohttp.ClientTimeout,
    *,
    resolver: AbstractResolver | None = None,
    response: type[aiohttp.ClientResponse] = aiohttp.ClientResponse,
) -> aiohttp.ClientSession:
    """A session that raises ClientConnectorError with a PermissionError inside for an address that is refused.

    Each request has a connection of its own: on one that was kept, a POST can meet the server's closing it, and nobody
    could say whether it had arrived. Cookies are not kept. Proxies of the environment are not used: a proxy resolves
    the name itself.
    """

    def make_socket(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = info
        if reason := refused(str(address[0])):
            raise PermissionError(reason)
        return socket.socket(family, kind, proto)

    connector = aiohttp.TCPConnector(
        force_close=True, use_dns_cache=False, resolver=resolver, socket_factory=make_socket
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        trust_env=False,
        response_class=response,
    )
