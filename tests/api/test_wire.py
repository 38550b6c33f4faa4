"""Bodies as they come over a real connection: announced, chunked, lied about, cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from engine.core.model import Role
from engine.listen import listening
from tests.api.asking import INCIDENTS, refused
from tests.api.conftest import KEYS, House
from tests.web import plain_http

GENERIC = f"/webhooks/generic/{KEYS['generic']}"
LIMIT = 100_000


@pytest.fixture
async def address(light_house: House) -> AsyncIterator[str]:
    async with listening(light_house.api(webhook_limit=LIMIT, body_limit=LIMIT)) as address:
        yield address


@pytest.fixture
async def client(light_house: House, address: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {light_house.tokens[Role.ADMIN]}", "Content-Type": "application/json"}
    async with plain_http(address, headers=headers) as client:
        yield client


async def chunks(count: int) -> AsyncIterator[bytes]:
    """Sent without a Content-Length."""
    for _ in range(count):
        yield b" " * 10_000
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", [GENERIC, INCIDENTS])
async def test_a_body_that_announces_too_much_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b" " * (LIMIT + 1))
    assert str(LIMIT) in refused(answer, 413, "too_large")


@pytest.mark.parametrize("path", [GENERIC, INCIDENTS])
async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=chunks(30))
    refused(answer, 413, "too_large")
    assert (await client.get("/healthz")).status_code == 200


async def test_a_chunked_body_within_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"title": '
        yield b'"Disk is full"}'

    assert (await client.post(GENERIC, content=body())).status_code == 202


async def test_a_body_exactly_as_large_as_allowed_is_taken(client: httpx.AsyncClient) -> None:
    body = b'{"title": "Disk is full"}'.ljust(LIMIT)
    assert (await client.post(GENERIC, content=body)).status_code == 202


async def test_a_body_that_is_cut_off_opens_nothing(client: httpx.AsyncClient, address: str) -> None:
    at = urlsplit(address)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(f'POST {GENERIC} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{"title": "Disk'.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    assert (await client.get(INCIDENTS)).json()["items"] == []


async def test_a_body_beyond_its_announced_length_is_not_read_as_part_of_it(address: str) -> None:
    at = urlsplit(address)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    body = b'{"title": "Disk is full"}'
    head = f"POST {GENERIC} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) - 5}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 422 ")
