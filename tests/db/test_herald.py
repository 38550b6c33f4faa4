"""Engines on one PostgreSQL wake each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from structlog.testing import capture_logs

from engine.clock import sleep
from engine.db.herald import Herald

LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Ear:
    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def __call__(self) -> None:
        self.heard.set()

    async def hears(self) -> None:
        async with asyncio.timeout(10):
            await self.heard.wait()
        self.heard.clear()


@asynccontextmanager
async def herald(url: str, ear: Ear) -> AsyncIterator[Herald]:
    """Once it listens, for then it has called `ear`: it may have missed something before."""
    found = Herald(url, ear)
    found.start()
    await ear.hears()
    yield found
    await found.stop()


async def test_what_one_tells_every_other_hears_and_not_itself(postgresql_url: str) -> None:
    ears = [Ear(), Ear(), Ear()]
    async with (
        herald(postgresql_url, ears[0]) as teller,
        herald(postgresql_url, ears[1]) as other,
        herald(postgresql_url, ears[2]),
    ):
        teller.tell()
        await ears[1].hears()
        await ears[2].hears()
        other.tell()
        await ears[0].hears()  # its own word came before this one, on the same connection
        assert not ears[1].heard.is_set()


async def test_words_in_a_row_share_one(postgresql_url: str) -> None:
    ear = Ear()
    listener = await asyncpg.connect(postgresql_url)
    words: list[object] = []
    await listener.add_listener("tocsin", lambda *word: words.append(word[-1]))
    async with herald(postgresql_url, Ear()) as teller, herald(postgresql_url, ear):
        for _ in range(50):
            teller.tell()
        await ear.hears()
    await listener.execute("SELECT 1")
    assert len(words) == 1
    await listener.close()


async def test_after_its_connection_was_cut_it_listens_again_and_looks_for_what_it_missed(postgresql_url: str) -> None:
    ears = [Ear(), Ear()]
    async with herald(postgresql_url, ears[0]) as teller, herald(postgresql_url, ears[1]):
        admin = await asyncpg.connect(postgresql_url)
        assert len(await admin.fetch(LISTENERS)) == 2
        await ears[1].hears()
        await ears[0].hears()
        teller.tell()
        await ears[1].hears()
        await admin.close()


async def test_without_a_server_it_tries_again_and_keeps_nobody_waiting(unused_tcp_port: int) -> None:
    with capture_logs() as logged:
        found = Herald(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nothing", Ear())
        found.start()
        found.tell()
        async with asyncio.timeout(10):
            while len(logged) < 2:
                await sleep(0.05)
        await found.stop()
    assert {(line["event"], line["error"]) for line in logged} == {("herald.away", "ConnectionRefusedError")}
