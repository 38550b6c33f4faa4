"""Which addresses the webhooks may reach, also when the name says one thing and the address another."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from integrations.channels.outbound import guarded_session, refusal
from tests.integrations.channels.providers import HOST, Sink, receiving

LINK_LOCAL = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]
METADATA = ["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "metadata.google.internal", "METADATA.google.internal."]
PRIVATE = ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd12::1", "::ffff:10.0.0.1"]
PUBLIC = ["1.1.1.1", "2606:4700:4700::1111", "gateway.example.com", "64:ff9b::101:101"]


@pytest.mark.parametrize("host", [*LINK_LOCAL, *METADATA])
def test_link_local_and_metadata_addresses_are_refused_unless_permitted(host: str) -> None:
    assert refusal(link_local=False, private=True)(host)
    assert not refusal(link_local=True, private=True)(host)


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_for_the_installation_to_decide(host: str) -> None:
    assert not refusal(link_local=False, private=True)(host)
    assert refusal(link_local=False, private=False)(host)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_are_reached(host: str) -> None:
    assert not refusal(link_local=False, private=False)(host)


class Turncoat(AbstractResolver):
    """Answers with each of its addresses in turn, whatever name is asked for."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = iter(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = next(self._addresses)
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held open."""


async def test_a_name_that_resolves_elsewhere_the_second_time_does_not_get_through() -> None:
    refused, timeout = refusal(link_local=False, private=True), aiohttp.ClientTimeout(total=2)
    async with (
        receiving(Sink()) as sink,
        guarded_session(refused, timeout, resolver=Turncoat(HOST, "169.254.169.254")) as session,
    ):
        url = sink.url.replace(HOST, "gateway.example.com")
        async with session.post(url) as answer:
            assert answer.status == sink.status
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await session.post(url)
    assert isinstance(raised.value.os_error, PermissionError)
    assert len(sink.requests) == 1
