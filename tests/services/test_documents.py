"""Vendors' documents: fetched once, and for everybody who waits."""

from __future__ import annotations

import asyncio

import pytest

from engine.core.errors import Unreachable
from engine.services.documents import Documents

URL = "https://vendor.example/certificate.pem"


class Vendor:
    """Answers with what it was asked for, once it is let; `away` is how often it does not."""

    def __init__(self, *, away: int = 0) -> None:
        self.asked: list[str] = []
        self.called = asyncio.Event()
        self.away = away
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        self.called.set()
        await self.open.wait()
        if self.away:
            self.away -= 1
            raise Unreachable("vendor.example does not answer")
        return url.encode()


async def test_a_document_is_fetched_once() -> None:
    vendor = Vendor()
    documents = Documents(vendor)
    assert [await documents.get(URL) for _ in range(3)] == [URL.encode()] * 3
    assert vendor.asked == [URL]


async def test_those_that_wait_for_the_same_document_share_one_fetch() -> None:
    vendor = Vendor()
    vendor.open.clear()
    documents = Documents(vendor)
    waiting = [asyncio.create_task(documents.get(URL)) for _ in range(5)]
    await vendor.called.wait()
    vendor.open.set()
    assert await asyncio.gather(*waiting) == [URL.encode()] * 5
    assert vendor.asked == [URL]


async def test_one_that_gives_up_does_not_fail_the_others() -> None:
    vendor = Vendor()
    vendor.open.clear()
    documents = Documents(vendor)
    first, second = (asyncio.create_task(documents.get(URL)) for _ in range(2))
    await vendor.called.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    vendor.open.set()
    assert await second == URL.encode()
    assert vendor.asked == [URL]


async def test_a_failure_is_told_to_all_who_wait_and_not_remembered() -> None:
    vendor = Vendor(away=1)
    documents = Documents(vendor)
    results = await asyncio.gather(documents.get(URL), documents.get(URL), return_exceptions=True)
    assert [type(result) for result in results] == [Unreachable, Unreachable]
    assert await documents.get(URL) == URL.encode()
    assert vendor.asked == [URL, URL]


async def test_the_document_that_nobody_asked_for_longest_is_forgotten_first() -> None:
    vendor = Vendor()
    documents = Documents(vendor, most=2)
    for name in "abacab":
        await documents.get(name)
    assert vendor.asked == ["a", "b", "c", "b"]


async def test_a_confirmation_calls_every_time() -> None:
    vendor = Vendor(away=1)
    documents = Documents(vendor)
    with pytest.raises(Unreachable):
        await documents.confirm(URL)
    await documents.confirm(URL)
    await documents.confirm(URL)
    assert vendor.asked == [URL] * 3
