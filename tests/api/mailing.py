"""The mail listener on a port of its own, and a sender that speaks SMTP word by word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from engine.bootstrap import registry
from engine.config.difference import digest
from engine.config.load import load
from engine.config.stored import to_document
from engine.services import configs
from tests.api.conftest import KEYS, House, config_text

KEY = KEYS["email"]
ALERTS = f"alerts+{KEY}@tocsin.example.com"
MIXED = "MiXeD-Case-4711"
PATIENCE = 10.0


async def apply(house: House, *, integrations: dict[str, Any] | None = None, **sections: Any) -> None:
    document = json.loads(config_text())
    document["integrations"] |= integrations or {}
    config = load(json.dumps({**document, **sections}), "tocsin.yaml", registry())
    context = house.app.context
    await configs.apply(context, document=to_document(config), digest=digest(config), by="a test")
    await context.database.read(context.revisions.current)


@asynccontextmanager
async def listening(
    house: House, *, integrations: dict[str, Any] | None = None, **terms: Any
) -> AsyncIterator[tuple[str, int]]:
    """Yields the address."""
    await apply(house, integrations=integrations, smtp_listener={"port": 0, **terms})
    await house.app.mail.follow()
    assert house.app.mail.address is not None
    try:
        yield house.app.mail.address
    finally:
        await house.app.mail.stop()
        await house.app.intake.drained()


def mail(subject: str = "[critical] Backup failed", *, to: str = ALERTS, text: str = "No space is left.") -> bytes:
    lines = ("From: Backups <backup@shop.example>", f"To: {to}", f"Subject: {subject}", "", text, "")
    return "\r\n".join(lines).encode()


@dataclass(kw_only=True)
class Talk:
    """One connection. Replies are whole: the lines of one, joined by line ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def reply(self) -> str:
        """What the server says next; "" when it has hung up."""
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self.reader.readline()).decode()
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    return "\n".join(lines)

    async def say(self, line: str | bytes) -> str:
        self.writer.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        await self.writer.drain()
        return await self.reply()

    async def begin(self, to: Iterable[str] = (ALERTS,)) -> list[str]:
        """Up to the recipients; the replies to these."""
        assert (await self.say("MAIL FROM:<backup@shop.example>")).startswith("250")
        return [await self.say(f"RCPT TO:<{one}>") for one in to]

    async def send(self, content: bytes) -> str:
        """The mail itself, stuffed as it has to be, and what it is answered."""
        assert (await self.say("DATA")).startswith("354")
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        return await self.say(stuffed.removesuffix(b"\r\n") + b"\r\n.")


@asynccontextmanager
async def talk(address: tuple[str, int], *, hello: bool = True) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection(*address)
    found = Talk(reader=reader, writer=writer)
    assert (await found.reply()).startswith("220")
    if hello:
        assert (await found.say("EHLO shop.example")).startswith("250")
    try:
        yield found
    finally:
        writer.close()


async def sent(address: tuple[str, int], content: bytes, *to: str) -> str:
    """One mail in a connection of its own: what it was answered, or what its first recipient was."""
    async with talk(address) as sender:
        replies = await sender.begin(to or (ALERTS,))
        refused = [one for one in replies if not one.startswith("250")]
        return refused[0] if len(refused) == len(replies) else await sender.send(content)
